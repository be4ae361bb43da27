"""Homes on filesystems that are not like the one of this machine's folder for temporary files.

One is a filesystem of its own, as a volume in a container is, or one beside a /tmp in memory: what is outside of it can
be renamed or linked into it as little as from one disk to another (rename(2), link(2): EXDEV). One knows no locks, as a
share whose server has no lock manager (flock(2), fcntl(2): ENOLCK). One is on a disk that fails: what was written can
be read, but not synced any more (fsync(2): EIO).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.conductor import locks
from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall, Where

if TYPE_CHECKING:
    from harness.lab import Lab

_WITHIN_ONE = frozenset({"rename", "renameat", "renameat2", "link", "linkat"})


@contextmanager
def home_apart(lab: Lab, fault: str) -> Iterator[None]:
    """Inside, the target's home is a filesystem of its own; the scenario must watch replacements."""
    home = lab.site.home.resolve()

    def crosses(call: StoppedCall) -> bool:
        return call.kind.name in _WITHIN_ONE and len({Path(path).is_relative_to(home) for path in call.paths}) > 1

    with _refusing(lab, fault, crosses, errno.EXDEV):
        yield


@contextmanager
def home_without_locks(lab: Lab, fault: str) -> Iterator[None]:
    """Inside, whoever asks for a kernel's lock in the target's home is told that there are none; watch locks."""

    def locks_there(call: StoppedCall) -> bool:
        return lab.is_state(call) and locks.locks(call)

    with _refusing(lab, fault, locks_there, errno.ENOLCK):
        yield


@contextmanager
def home_that_cannot_sync(lab: Lab, fault: str) -> Iterator[None]:
    """Inside, no sync of anything in the target's home succeeds; watch stores. A recording has to begin after it."""

    def syncs(call: StoppedCall) -> bool:
        return call.kind.family is Family.SYNC and lab.is_state(call)

    with _refusing(lab, fault, syncs, errno.EIO):
        yield


@contextmanager
def _refusing(lab: Lab, fault: str, where: Where, error: int) -> Iterator[None]:
    """It is so whether or not a program ever asks, so that the fault fires in any case."""
    lab.plan(fault)
    director = _Refusing(where, error)
    if not lab.faulty:
        yield
        return
    lab.directors.insert(0, director)
    try:
        yield
    finally:
        lab.directors.remove(director)
        lab.fired(fault, f"{director.refused} calls were refused")


class _Refusing:
    """A director that fails what matches."""

    def __init__(self, where: Where, error: int) -> None:
        self.refused = 0
        self._where = where
        self._error = error

    def take(self, call: StoppedCall) -> bool:
        if not self._where(call):
            return False
        self.refused += call.fail(self._error)
        return True
