"""Two holders of a session; the second takes over by raising its epoch. Only the newest may write the answer."""

import os
import sys

folder, role = sys.argv[1:]
os.chdir(folder)


def epoch():
    with open("epoch") as file:
        return file.read()


if role == "takeover":
    mine = "2"
    with open("epoch.new", "w") as file:
        file.write(mine)
    os.rename("epoch.new", "epoch")
else:
    mine = "1"
if epoch() != mine:
    sys.exit(75)
with open(f"answer.{role}", "w") as file:
    file.write(role)
os.rename(f"answer.{role}", "answer")
