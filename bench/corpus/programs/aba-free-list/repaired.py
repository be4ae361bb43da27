"""A list of free blocks: `head` names the first, and each block's file the next. Taking compares and swaps the head.

Compare-and-swap is made of a kernel lock, and is atomic; it compares the name and how often the head has changed.
"""

import fcntl
import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)


def read(name):
    with open(name) as file:
        return file.read()


def name_of(head):
    return head.split()[0]


def swap(old, new):
    with open("swap.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if read("head") != old:
            return False
        changes = int(old.split()[1]) if " " in old else 0
        with open("head.new", "w") as file:
            file.write(f"{new} {changes + 1}")
        os.rename("head.new", "head")
        return True


def take():
    for _ in range(5):
        first = read("head")
        if swap(first, read(name_of(first))):
            return name_of(first)
    sys.exit(75)


def give(block):
    for _ in range(5):
        first = read("head")
        with open(block, "w") as file:
            file.write(name_of(first))
        if swap(first, block):
            return
    sys.exit(75)


block = take()
if role == "borrow":
    give(block)
else:
    print(block)
