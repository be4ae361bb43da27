// Saves a document under its own name, by way of a temporary file of its own and a rename.
"use strict";
const fs = require("fs");

const [folder, name] = process.argv.slice(2);
process.chdir(folder);

const temporary = `${name}.${process.pid}.tmp`;
fs.writeFileSync(temporary, JSON.stringify({ title: name }), { flag: "wx" });
fs.renameSync(temporary, `${name}.json`);
