"""A deploy writes two files that belong together into a new folder, then turns a link to it; a server follows once."""

import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)

if role == "deploy":
    os.mkdir("release-2")
    for name in ("routes", "schema"):
        with open(f"release-2/{name}", "w") as file:
            file.write("version 2")
    os.symlink("release-2", "current.new")
    os.rename("current.new", "current")
else:
    release = os.readlink("current") if os.path.lexists("current") else "."
    loaded = {}
    for name in ("routes", "schema"):
        with open(f"{release}/{name}") as file:
            loaded[name] = file.read()
    print(loaded["routes"], "with", loaded["schema"])
