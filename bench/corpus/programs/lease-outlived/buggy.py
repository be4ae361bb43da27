"""A lock that runs out unless it is renewed. Its holder renews it, and then writes, however late it has become."""

import fcntl
import os
import sys
import time

LEASE = 0.3  # seconds


def lease():
    """Who has the lock, and until when."""
    try:
        owner, until = os.readlink("lock").split("@")
    except FileNotFoundError:
        return "", 0.0
    return owner, float(until)


def replace(until):
    os.symlink(f"{me}@{until}", f"lock.{me}")
    os.rename(f"lock.{me}", "lock")


def taken():
    try:
        os.symlink(f"{me}@{time.time() + LEASE}", "lock")
        return True
    except FileExistsError:
        if time.time() < lease()[1]:
            return False
    fcntl.flock(guard, fcntl.LOCK_EX)
    owner, until = lease()
    late = bool(owner) and until < time.time()
    if late:
        replace(time.time() + LEASE)
    fcntl.flock(guard, fcntl.LOCK_UN)
    return late


def guarded(change):
    """Carry it out if the lock is still ours; whoever takes it over waits meanwhile."""
    fcntl.flock(guard, fcntl.LOCK_EX)
    if lease()[0] != me:
        sys.exit(75)
    change()
    fcntl.flock(guard, fcntl.LOCK_UN)


os.chdir(sys.argv[1])
me, amount = sys.argv[2], int(sys.argv[3])
guard = os.open("guard", os.O_RDWR | os.O_CREAT, 0o600)
for _ in range(150):
    if taken():
        break
    time.sleep(0.03)
else:
    sys.exit(75)
with open("total") as file:
    total = int(file.read())
guarded(lambda: replace(lease()[1] + LEASE))
with open(f"total.{me}", "w") as file:
    file.write(str(total + amount))
os.rename(f"total.{me}", "total")
guarded(lambda: os.unlink("lock"))
