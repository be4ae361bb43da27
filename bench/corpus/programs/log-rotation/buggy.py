"""Appends a line to a log; a log of four lines is first moved away, and the one moved away before is dropped."""

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


def move_away():
    try:
        os.rename("log", "log.1")
    except FileNotFoundError:
        return  # somebody else has


if size() >= LIMIT:
    move_away()
with open("log", "a") as log:
    log.write(f"{line:9}\n")
