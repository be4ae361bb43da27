"""A lock that is older than the last start is stale. Its owner touches it when he comes back; a thief replaces it."""

import os
import sys

LATER = 10**9  # nanoseconds


def work(marks):
    for mark in marks:
        with open("log", "a") as log:
            log.write(mark)


os.chdir(sys.argv[1])
start = os.stat("start").st_mtime_ns
if sys.argv[2] == "owner":
    os.utime("lock", ns=(start + LATER, start + LATER))
    with open("lock") as lock:
        if lock.read() != "owner":
            sys.exit(75)
    work("()")
else:
    if os.stat("lock").st_mtime_ns > start:
        sys.exit(75)
    with open("mine", "w") as mine:
        mine.write("thief")
    os.rename("mine", "lock")
    work("[]")
