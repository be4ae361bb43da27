"""Lamport's bakery: take a number above all others, wait for those with lower ones, then count.

Whose ticket is not there yet is taken not to be coming.
"""

import os
import sys
import time

folder, me, *others = sys.argv[1:]
os.chdir(folder)


def read(name):
    try:
        with open(name) as file:
            return int(file.read())
    except FileNotFoundError:
        return 0


def put(name, number):
    with open(f"{name}.{me}", "w") as file:
        file.write(str(number))
    os.rename(f"{name}.{me}", name)


def comes_first(other, mine):
    number = read(f"ticket-{other}")
    return number and (number, other) < (mine, me)


def wait_for(other, mine):
    for _ in range(30):
        if not comes_first(other, mine):
            return
        time.sleep(0.002)
    os.unlink(f"ticket-{me}")
    sys.exit(75)


mine = 1 + max(read(f"ticket-{other}") for other in others)
put(f"ticket-{me}", mine)
for other in others:
    wait_for(other, mine)
put("count", read("count") + 1)
os.unlink(f"ticket-{me}")
