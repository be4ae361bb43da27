// Saves a document under its own name, by way of a temporary file and a rename.
"use strict";
const fs = require("fs");

const [folder, name] = process.argv.slice(2);
process.chdir(folder);

fs.writeFileSync("save.tmp", JSON.stringify({ title: name }));
fs.renameSync("save.tmp", `${name}.json`);
