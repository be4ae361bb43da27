// Claims the first task that nobody has claimed, and prints it.
"use strict";
const fs = require("fs");

const [folder, worker] = process.argv.slice(2);
process.chdir(folder);

for (const task of fs.readFileSync("tasks", "utf8").trim().split("\n")) {
  if (!fs.existsSync(`claim-${task}`)) {
    fs.writeFileSync(`claim-${task}`, worker);
    console.log(task);
    process.exit(0);
  }
}
process.exit(75);
