"""Raises a number under the lock of a file that nobody replaces."""

import fcntl
import os
import sys

os.chdir(sys.argv[1])

with open("lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    with open("count") as file:
        number = int(file.read()) + 1
    with open(sys.argv[2], "w") as new:
        new.write(str(number))
    os.rename(sys.argv[2], "count")
