"""Gives the folder's key, and makes it on first use. The lock is taken only by those who did not find one."""

import fcntl
import os
import sys

os.chdir(sys.argv[1])

if not os.path.exists("key"):
    with open("lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        temporary = f"key.{os.getpid()}"
        with open(temporary, "w") as file:
            file.write(f"made by {os.getpid()}")
        os.rename(temporary, "key")
with open("key") as file:
    print(file.read())
