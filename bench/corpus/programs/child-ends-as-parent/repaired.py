"""Raises a number under a lock file; a child ends by _exit(2), and leaves the rest to its parent."""

import atexit
import os
import sys

os.chdir(sys.argv[1])

try:
    os.close(os.open("lock", os.O_CREAT | os.O_EXCL))
except FileExistsError:
    sys.exit(75)
atexit.register(lambda: os.path.exists("lock") and os.unlink("lock"))
child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
with open("count") as file:
    number = int(file.read()) + 1
with open(sys.argv[2], "w") as new:
    new.write(str(number))
os.rename(sys.argv[2], "count")
