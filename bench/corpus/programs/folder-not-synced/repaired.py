"""Makes a key of its own in a file that did not exist, and has its text and its name on the disk."""

import os
import sys

os.chdir(sys.argv[1])

with open("key.new", "w") as file:
    file.write("secret\n")
    file.flush()
    os.fsync(file.fileno())
os.rename("key.new", "key")
folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
os.fsync(folder)
os.close(folder)
