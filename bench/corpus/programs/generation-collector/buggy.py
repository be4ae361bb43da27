"""A reader pins the generation that `current` names and reads it; old ones that nobody has pinned are removed."""

import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)


def current():
    with open("current") as file:
        return int(file.read())


if role == "publish":
    with open("generation-2", "w") as file:
        file.write("second")
    with open("current.new", "w") as file:
        file.write("2")
    os.rename("current.new", "current")
elif role == "collect":
    newest = current()
    for number in range(1, newest):
        if os.path.exists(f"generation-{number}") and not os.path.exists(f"pinned-{number}"):
            os.unlink(f"generation-{number}")
else:
    number = current()
    with open(f"pinned-{number}", "w"):
        pass
    with open(f"generation-{number}") as file:
        print(file.read())
    os.unlink(f"pinned-{number}")
