// Counts one event: copies the tally, appends a line to the copy, and puts the copy in its place.
"use strict";
const fs = require("fs");

const [folder, event] = process.argv.slice(2);
process.chdir(folder);

const copy = `tally.${process.pid}`;
fs.copyFileSync("tally", copy);
fs.appendFileSync(copy, `${event}\n`);
fs.renameSync(copy, "tally");
