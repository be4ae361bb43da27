"""Adds one name to a list in a JSON file, which is replaced as a whole, by one process at a time."""

import fcntl
import json
import os
import sys

folder, name = sys.argv[1:]
os.chdir(folder)

with open("agents.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    with open("agents.json") as file:
        agents = json.load(file)
    agents.append(name)
    temporary = f"agents.json.{os.getpid()}"
    with open(temporary, "w") as file:
        json.dump(agents, file)
    os.rename(temporary, "agents.json")
