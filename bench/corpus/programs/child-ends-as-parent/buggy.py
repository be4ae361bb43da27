"""Raises a number under a lock file; a child ends by sys.exit, and so does what its parent has to do at its end."""

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
    sys.exit(0)
os.waitpid(child, 0)
with open("count") as file:
    number = int(file.read()) + 1
with open(sys.argv[2], "w") as new:
    new.write(str(number))
os.rename(sys.argv[2], "count")
