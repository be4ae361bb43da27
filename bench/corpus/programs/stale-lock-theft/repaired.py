"""Books an amount under a lock of the kernel's, which ends with its holder: there is nothing to take away."""

import fcntl
import os
import sys

folder, amount = sys.argv[1], int(sys.argv[2])
os.chdir(folder)

with open("lock", "r+") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    with open("ledger") as file:
        total = int(file.read())
    temporary = f"ledger.{os.getpid()}"
    with open(temporary, "w") as file:
        file.write(str(total + amount))
    os.rename(temporary, "ledger")
