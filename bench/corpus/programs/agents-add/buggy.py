"""Adds one name to a list in a JSON file, which is replaced as a whole."""

import json
import os
import sys

folder, name = sys.argv[1:]
os.chdir(folder)

with open("agents.json") as file:
    agents = json.load(file)
agents.append(name)
temporary = f"agents.json.{os.getpid()}"
with open(temporary, "w") as file:
    json.dump(agents, file)
os.rename(temporary, "agents.json")
