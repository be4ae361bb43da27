"""Builds with two tools, of which each is taken for oneself alone, in one order for everybody."""

import fcntl
import os
import sys

folder, me, *tools = sys.argv[1:]
os.chdir(folder)

held = []
for tool in sorted(tools):
    held.append(open(tool, "r+"))  # noqa: SIM115 - held to the end
    fcntl.lockf(held[-1], fcntl.LOCK_EX)
with open("built", "a") as file:
    file.write(f"{me}\n")
