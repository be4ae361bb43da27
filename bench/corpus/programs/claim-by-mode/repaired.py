"""A task is taken by a rename to a name of one's own: the second finds nothing. Its mode only tells people."""

import os
import sys

os.chdir(sys.argv[1])
try:
    os.rename("task", f"task.{sys.argv[2]}")
except FileNotFoundError:
    sys.exit(75)
os.chmod(f"task.{sys.argv[2]}", 0o400)
with open(sys.argv[2], "w") as report:
    report.write("took it")
