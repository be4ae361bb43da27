"""A queue of jobs as files. A worker claims one by a rename, then says that it lives, then works.

A sweeper puts claimed jobs back whose worker never said so.
"""

import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)


def claim():
    for job in sorted(os.listdir("todo")):
        try:
            os.rename(f"todo/{job}", f"doing/{job}")
        except FileNotFoundError:
            continue
        return job
    sys.exit(0)


if role == "sweep":
    for job in os.listdir("doing"):
        if not os.path.exists(f"alive/{job}"):
            os.rename(f"doing/{job}", f"todo/{job}")
else:
    job = claim()
    with open(f"alive/{job}", "a") as file:
        file.write(f"{role}\n")
    with open("done", "a") as file:
        file.write(f"{job}\n")
