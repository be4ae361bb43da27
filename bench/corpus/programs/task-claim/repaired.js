// Claims the first task whose claim it is the one to create, and prints it.
"use strict";
const fs = require("fs");

const [folder, worker] = process.argv.slice(2);
process.chdir(folder);

function claim(task) {
  try {
    fs.writeFileSync(`claim-${task}`, worker, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

for (const task of fs.readFileSync("tasks", "utf8").trim().split("\n")) {
  if (claim(task)) {
    console.log(task);
    process.exit(0);
  }
}
process.exit(75);
