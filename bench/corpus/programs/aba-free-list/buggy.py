"""A list of free blocks: `head` names the first, and each block's file the next. Taking compares and swaps the head.

Compare-and-swap is made of a kernel lock, and is atomic; what it compares is the block's name.
"""

import fcntl
import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)


def read(name):
    with open(name) as file:
        return file.read()


def swap(old, new):
    with open("swap.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if read("head") != old:
            return False
        with open("head.new", "w") as file:
            file.write(new)
        os.rename("head.new", "head")
        return True


def take():
    for _ in range(5):
        first = read("head")
        if swap(first, read(first)):
            return first
    sys.exit(75)


def give(block):
    for _ in range(5):
        first = read("head")
        with open(block, "w") as file:
            file.write(first)
        if swap(first, block):
            return
    sys.exit(75)


block = take()
if role == "borrow":
    give(block)
else:
    print(block)
