"""Who judges the lock and takes it does both under a lock of the kernel's, and so does who touches it."""

import fcntl
import os
import sys

LATER = 10**9  # nanoseconds


def work(marks):
    for mark in marks:
        with open("log", "a") as log:
            log.write(mark)


os.chdir(sys.argv[1])
start = os.stat("start").st_mtime_ns
guard = os.open("guard", os.O_WRONLY | os.O_CREAT, 0o600)
fcntl.flock(guard, fcntl.LOCK_EX)
if sys.argv[2] == "owner":
    with open("lock") as lock:
        if lock.read() != "owner":
            sys.exit(75)
    os.utime("lock", ns=(start + LATER, start + LATER))
    fcntl.flock(guard, fcntl.LOCK_UN)
    work("()")
else:
    if os.stat("lock").st_mtime_ns > start:
        sys.exit(75)
    with open("mine", "w") as mine:
        mine.write("thief")
    os.rename("mine", "lock")
    fcntl.flock(guard, fcntl.LOCK_UN)
    work("[]")
