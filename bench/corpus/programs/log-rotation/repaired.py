"""Appends a line to a log; a log of four lines is first moved away, and the one moved away before is dropped.

Looking, moving and appending are one step to everybody else.
"""

import fcntl
import os
import sys

folder, line = sys.argv[1:]
os.chdir(folder)
LIMIT = 40  # bytes: four lines


def size():
    try:
        return os.stat("log").st_size
    except FileNotFoundError:
        return 0


with open("log.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if size() >= LIMIT:
        os.rename("log", "log.1")
    with open("log", "a") as log:
        log.write(f"{line:9}\n")
