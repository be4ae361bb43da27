"""Raises a number under a lock of the very file that it replaces: who waited for that has the lock of another file."""

import fcntl
import os
import sys

os.chdir(sys.argv[1])

with open("count") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    number = int(file.read()) + 1
    with open(sys.argv[2], "w") as new:
        new.write(str(number))
    os.rename(sys.argv[2], "count")
