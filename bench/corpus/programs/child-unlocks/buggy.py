"""Raises a number under a lock; a child lets go of its copy, and so of the lock: it is shared (flock(2))."""

import fcntl
import os
import sys

os.chdir(sys.argv[1])

lock = os.open("lock", os.O_WRONLY | os.O_CREAT, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX)
child = os.fork()
if not child:
    fcntl.flock(lock, fcntl.LOCK_UN)
    os._exit(0)
os.waitpid(child, 0)
with open("count") as file:
    number = int(file.read()) + 1
with open(sys.argv[2], "w") as new:
    new.write(str(number))
os.rename(sys.argv[2], "count")
