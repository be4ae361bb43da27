"""Gives the folder's key, and makes it on first use. Who had to wait for the lock looks again."""

import fcntl
import os
import sys

os.chdir(sys.argv[1])

if not os.path.exists("key"):
    with open("lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists("key"):
            temporary = f"key.{os.getpid()}"
            with open(temporary, "w") as file:
                file.write(f"made by {os.getpid()}")
            os.rename(temporary, "key")
with open("key") as file:
    print(file.read())
