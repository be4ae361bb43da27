"""What a stopped call reads and changes, as the names by which schedules know them.

Files go by their path below the run's folder: whoever replaces a file touches the name that others read. Two creations
in one folder do not touch each other, and a listing touches only the folder itself; so the order of a listing and a
creation in it is not seen as mattering.
"""

from __future__ import annotations

import fcntl
import os

from harness.conductor.calls import Family
from harness.conductor.supervisor import StoppedCall
from harness.schedules.points import Touch

_CHANGING = frozenset({Family.REPLACE, Family.REMOVE, Family.MAKE, Family.WRITE})


def touches(call: StoppedCall, root: str) -> tuple[Touch, ...]:
    """The objects of a call, in the order of its arguments."""
    if call.kind.family is Family.LOCK:
        return tuple(Touch(f"lock:{_below(root, path)}", not _shares(call)) for path in call.paths)
    writes = call.kind.family in _CHANGING or _makes(call)
    return tuple(Touch(_below(root, path), writes) for path in call.paths)


def _makes(call: StoppedCall) -> bool:
    """Whether the call can make or empty the file: opening what is there for writing changes nothing by itself."""
    if call.kind.name == "truncate" or call.open_flags & os.O_TRUNC:
        return True
    return bool(call.open_flags & os.O_CREAT) and not os.path.lexists(call.path)


def _shares(call: StoppedCall) -> bool:
    return call.kind.name == "flock" and bool(call.args[1] & fcntl.LOCK_SH)


def _below(root: str, path: str) -> str:
    return path.removeprefix(root).lstrip("/") or "."
