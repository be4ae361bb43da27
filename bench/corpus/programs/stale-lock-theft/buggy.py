"""Books an amount under a lock file that holds its owner's pid. A lock whose owner is dead is taken away."""

import os
import sys
import time

folder, amount = sys.argv[1], int(sys.argv[2])
os.chdir(folder)


def holder_is_dead():
    try:
        with open("lock") as file:
            os.kill(int(file.read()), 0)
    except FileNotFoundError:
        return False
    except ProcessLookupError:
        return True
    return False


def acquire():
    own = f"lock.{os.getpid()}"
    with open(own, "w") as file:
        file.write(str(os.getpid()))
    for _ in range(40):
        try:
            os.link(own, "lock")
            os.unlink(own)
            return
        except FileExistsError:
            if holder_is_dead():
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
except FileNotFoundError:  # the other one was faster to take the dead holder's lock away
    sys.exit(75)
with open("ledger") as file:
    total = int(file.read())
with open("ledger", "w") as file:
    file.write(str(total + amount))
release()
