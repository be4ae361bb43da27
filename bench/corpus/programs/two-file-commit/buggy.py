"""A deploy replaces two files that belong together; a server loads both."""

import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)

if role == "deploy":
    for name in ("routes", "schema"):
        with open(f"{name}.new", "w") as file:
            file.write("version 2")
    for name in ("routes", "schema"):
        os.rename(f"{name}.new", name)
else:
    loaded = {}
    for name in ("routes", "schema"):
        with open(name) as file:
            loaded[name] = file.read()
    print(loaded["routes"], "with", loaded["schema"])
