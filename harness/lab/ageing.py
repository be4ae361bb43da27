"""Makes what lies in a folder look older than it is, as after a sleep of the machine: its files, and its records.

A program that tells old locks from young ones goes by a file's times, or by a time that stands in it. Of what stands in
files only the records of holders are changed: those that name a process of the run, or are called locks. Whatever else
has a time in it is not about who holds what. Every record is changed where the question is whether something is over.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

_MOST = 4096  # bytes of a record of a holder; a conversation has more, and a database
_DAY, _AHEAD = 86400.0, 60.0  # seconds before and after now within which a number is a time
_FAR_AHEAD = 30 * _DAY  # the same after now, where it may say until when something is asked for
# Seconds since 1970 have ten digits until 2286; programs write them as they are, or in thousandths, and so on.
_NUMBER = re.compile(rb"(?<![\w.-])(\d{10})((?:\d{3}){0,3})(?!\w)")
_DATE = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")  # ISO 8601, in whichever zone: what follows stays
_HOLDS = ("lock", "lease")


def age(path: Path, seconds: float, pids: Collection[int] | None) -> None:
    """Let a file look so much older; one that is gone meanwhile is passed over. `pids` are of holders, None for any."""
    with suppress(FileNotFoundError):
        then = path.lstat()
        if stat.S_ISREG(then.st_mode) and then.st_size <= _MOST and _is_record(path, data := path.read_bytes(), pids):
            ahead = _FAR_AHEAD if pids is None else _AHEAD
            _rewrite(path, older(data, seconds, now=time.time(), ahead=ahead))
        os.utime(path, (then.st_mtime - seconds,) * 2, follow_symlinks=False)


def older(data: bytes, seconds: float, *, now: float, ahead: float = _AHEAD) -> bytes:
    """A text with its times of about now, at most so many seconds ahead, so much earlier; as long as it was."""

    def number(found: re.Match[bytes]) -> bytes:
        at = int(found[1])
        return b"%d%s" % (at - seconds, found[2]) if now - _DAY < at < now + ahead else found[0]

    def date(found: re.Match[bytes]) -> bytes:
        text = found[0].decode()
        with suppress(ValueError):  # the thirteenth month
            at = datetime.fromisoformat(text)
            if -_DAY < at.replace(tzinfo=UTC).timestamp() - now < max(ahead, _DAY):  # in whichever zone
                return (at - timedelta(seconds=seconds)).isoformat(text[10]).encode()
        return found[0]

    return _DATE.sub(date, _NUMBER.sub(number, data))


def _is_record(path: Path, data: bytes, pids: Collection[int] | None) -> bool:
    if b"\0" in data:
        return False
    if pids is None:
        return True
    named = {int(word) for word in re.findall(rb"(?<!\d)\d{1,7}(?!\d)", data)}
    return bool(named & set(pids)) or any(word in path.name.lower() for word in _HOLDS)


def _rewrite(path: Path, data: bytes) -> None:
    """In place: a lock belongs to the file, and not to its name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, data, 0)
    finally:
        os.close(descriptor)
