"""Appends a payment to a journal, and acknowledges it once it is on the disk."""

import os
import sys

os.chdir(sys.argv[1])

journal = os.open("journal", os.O_WRONLY | os.O_APPEND)
os.write(journal, b"paid 5\n")
os.fsync(journal)
os.close(journal)
print("paid")
