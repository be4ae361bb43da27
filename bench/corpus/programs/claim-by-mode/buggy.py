"""A task that can be written to is free: who takes it makes it read-only."""

import os
import sys

os.chdir(sys.argv[1])
if not os.stat("task").st_mode & 0o200:
    sys.exit(75)
os.chmod("task", 0o400)
with open(sys.argv[2], "w") as report:
    report.write("took it")
