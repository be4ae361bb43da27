// One command appends to a journal, another replaces it by its latest entry for each key; never both at a time.
"use strict";
const fs = require("fs");

const [folder, role] = process.argv.slice(2);
process.chdir(folder);
const clock = new Int32Array(new SharedArrayBuffer(4));

function lock() {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    try {
      fs.closeSync(fs.openSync("journal.lock", "wx"));
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      Atomics.wait(clock, 0, 0, 5);
    }
  }
  console.error("journal.lock is held; remove it if nobody works on the journal");
  process.exit(75);
}

lock();
if (role === "compact") {
  const entries = fs.readFileSync("journal", "utf8").trim().split("\n");
  const latest = new Map(entries.map((entry) => entry.split("=")));
  const text = [...latest].map((pair) => `${pair.join("=")}\n`).join("");
  fs.writeFileSync("journal.new", text);
  fs.renameSync("journal.new", "journal");
} else {
  fs.appendFileSync("journal", `${role}=1\n`);
}
fs.unlinkSync("journal.lock");
