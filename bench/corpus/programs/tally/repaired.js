// Counts one event: appends a line to the tally in a single write, which the kernel puts at its end.
"use strict";
const fs = require("fs");

const [folder, event] = process.argv.slice(2);
process.chdir(folder);

fs.appendFileSync("tally", `${event}\n`);
