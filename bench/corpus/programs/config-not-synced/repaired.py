"""Replaces a config through a temporary file: its text is on the disk before its name is, and that before the end."""

import os
import sys

os.chdir(sys.argv[1])

with open("config.new", "w") as file:
    file.write("version 2\n")
    file.flush()
    os.fsync(file.fileno())
os.rename("config.new", "config")
folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
os.fsync(folder)
os.close(folder)
