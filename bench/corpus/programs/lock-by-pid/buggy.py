"""Numbers a release under a lock file that is made first and gets its owner's pid then.

A lock without a pid in it is taken for the rest of a crash, and removed.
"""

import os
import sys
import time

os.chdir(sys.argv[1])


def acquire():
    for _ in range(40):
        try:
            with open("lock", "x") as file:
                file.write(str(os.getpid()))
            return
        except FileExistsError:
            if os.stat("lock").st_size == 0:
                os.unlink("lock")
            else:
                time.sleep(0.002)
    sys.exit(75)


def release():
    try:
        os.unlink("lock")
    except FileNotFoundError:
        print("the lock was gone", file=sys.stderr)


try:
    acquire()
except FileNotFoundError:  # released just as it was looked at
    sys.exit(75)
with open("release") as file:
    number = int(file.read()) + 1
with open("release", "w") as file:
    file.write(str(number))
print(number)
release()
