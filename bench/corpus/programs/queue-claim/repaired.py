"""A queue of jobs as files. A worker says that it lives, claims a job by a rename to its own name, and works.

A sweeper puts back the jobs of workers that do not hold the lock on their sign of life, and leaves all others alone.
"""

import fcntl
import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)


def claim():
    for job in sorted(os.listdir("todo")):
        try:
            os.rename(f"todo/{job}", f"doing/{job}.{role}")
        except FileNotFoundError:
            continue
        return job
    sys.exit(0)


if role == "sweep":
    for name in os.listdir("doing"):
        job, _, worker = name.partition(".")
        with open(f"alive/{worker}") as alive:
            try:
                fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not os.path.exists(f"finished/{job}"):
                os.rename(f"doing/{name}", f"todo/{job}")
else:
    alive = open(f"alive/{role}", "w")  # noqa: SIM115 - held to the end
    fcntl.flock(alive, fcntl.LOCK_EX)
    job = claim()
    with open("done", "a") as file:
        file.write(f"{job}\n")
    with open(f"finished/{job}", "w"):
        pass
