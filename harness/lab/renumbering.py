"""Pids that are given again: what a dead process has left of its own is let name a process that lives.

As after a reboot, or in a container that begins with the same pids each time. Only texts that are as short as the
records of holders are looked at; a database says more of a process than its pid.
"""

from __future__ import annotations

import re
from pathlib import Path

LONGEST = 4096  # bytes of a record


def renumber(folder: Path, dead: int, alive: int) -> int:
    """Let every record below the folder that names the pid `dead` name `alive`; how many there were.

    They are written in place: nobody has them open any more who would mind.
    """
    return sum(_renumber(path, dead, alive) for path in folder.rglob("*"))


def _renumber(path: Path, dead: int, alive: int) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LONGEST:
        return False
    before = path.read_bytes()
    after = re.sub(rb"(?<![\w.])%d(?![\w.])" % dead, b"%d" % alive, before)
    if b"\0" in before or after == before:
        return False
    path.write_bytes(after)
    return True
