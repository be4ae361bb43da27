"""Sessions share a cache. Who comes makes it if it is not there; the last who goes removes it; one at a time."""

import fcntl
import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)

with open("users.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if role == "leave":
        os.unlink("users/first")
        if not os.listdir("users"):
            os.unlink("cache")
    else:
        with open(f"users/{role}", "w") as file:
            file.write(str(os.getpid()))
        if not os.path.exists("cache"):
            with open("cache.new", "w") as file:
                file.write("warm")
            os.rename("cache.new", "cache")
