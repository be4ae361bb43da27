"""Makes a key of its own in a file that did not exist, and has its text on the disk."""

import os
import sys

os.chdir(sys.argv[1])

with open("key.new", "w") as file:
    file.write("secret\n")
    file.flush()
    os.fsync(file.fileno())
os.rename("key.new", "key")
