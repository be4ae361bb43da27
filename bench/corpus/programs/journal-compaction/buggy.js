// One command appends to a journal, another replaces it by its latest entry for each key.
"use strict";
const fs = require("fs");

const [folder, role] = process.argv.slice(2);
process.chdir(folder);

if (role === "compact") {
  const entries = fs.readFileSync("journal", "utf8").trim().split("\n");
  const latest = new Map(entries.map((entry) => entry.split("=")));
  const text = [...latest].map((pair) => `${pair.join("=")}\n`).join("");
  fs.writeFileSync("journal.new", text);
  fs.renameSync("journal.new", "journal");
} else {
  fs.appendFileSync("journal", `${role}=1\n`);
}
