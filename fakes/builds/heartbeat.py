"""Reads the heartbeat file of a fake build (`python -m fakes.builds`).

The build appends one line for each beat, so that an advance shows in the file's size (stat(2)) alone. The
first line is `pid N`, naming the process that works; the last, when the build ended by itself, is `done`.
"""

import os
from dataclasses import dataclass
from pathlib import Path


class HeartbeatError(ValueError):
    """The file is not a heartbeat; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The worker's process id, how many beats it has written, and whether it ended by itself."""

    pid: int
    beats: int
    done: bool


def read_heartbeat(path: str | os.PathLike[str]) -> Heartbeat | None:
    """What the file says now; None while it is missing or its first line is not whole.

    Raises:
        HeartbeatError: the file is something else.
    """
    try:
        text = Path(path).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
    lines = text.split("\n")[:-1]
    if not lines:
        return None
    word, _, number = lines[0].partition(" ")
    if word != "pid" or not number.isdigit():
        raise HeartbeatError(f"{path}: does not begin with 'pid N'; give the build a file of its own")
    return Heartbeat(pid=int(number), beats=len(lines) - 1 - (lines[-1] == "done"), done=lines[-1] == "done")
