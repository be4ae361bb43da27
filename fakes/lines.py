"""A journal of records as JSON lines, for the stand-alone server; a test process keeps its own instead.

Lines are collected and written once for each turn of the event loop. A line is one record: its type's name as
`event`, the time `at` in seconds since the epoch, and its fields.
"""

import asyncio
import errno
import json
import os
import stat
import tempfile
import time
import weakref
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import IO, Any

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# Setting up the encoder costs more than all else in a line, and the same few values come again and again.
_cached = lru_cache(maxsize=4096)(_encode)


def _value(value: str | float | bool | tuple[str | float, ...] | None) -> str:
    # repr of a finite number is JSON; bool is a subclass of int, so the type has to be exact.
    if type(value) in (int, float):
        return repr(value)
    if isinstance(value, tuple):  # of digests and sizes, which hardly ever come again
        return f"[{','.join(map(_value, value))}]"
    return _cached(value)


_Shape = tuple[str, Callable[[object], tuple[Any, ...]]]
_SHAPES: dict[type, _Shape] = {}


def _shape(kind: type) -> _Shape:
    """The line of a type of record, with %s for each value, and what takes the values from a record."""
    if kind not in _SHAPES:
        names: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
        places = ",".join(f'"{name}":%s' for name in ("at", *names))
        _SHAPES[kind] = (f'{{"event":"{kind.__name__}",{places}}}\n', attrgetter(*names))
    return _SHAPES[kind]


def _nameless() -> IO[bytes]:
    return tempfile.TemporaryFile(buffering=0)


class Lines:
    """A journal in a file; when `path` is None, in one that has no name and ends with the journal.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path | None, on_failure: Callable[[OSError], None]) -> None:
        self._file = path.open("wb", buffering=0) if path is not None else _nameless()
        weakref.finalize(self, self._file.close)
        self._pending: list[bytes] = []
        self._on_failure = on_failure

    def record(self, event: object) -> None:
        """Add one record."""
        shape, values = _shape(type(event))
        line = shape % (repr(time.time()), *map(_value, values(event)))
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pending.append(line.encode("utf-8", "replace"))

    def _flush(self) -> None:
        data, self._pending = b"".join(self._pending), []
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._on_failure(error)

    def text(self) -> bytes:
        """All lines so far, also of a file whose name is gone.

        Raises:
            OSError: what was written cannot be read, as in a pipe.
        """
        if self._pending:
            self._flush()
        number = self._file.fileno()
        if not stat.S_ISREG(os.fstat(number).st_mode):  # to open a pipe would wait for its writer, which is us
            raise OSError(errno.ESPIPE, "it is not a regular file")
        return Path(f"/proc/self/fd/{number}").read_bytes()

    def close(self) -> None:
        """Write what is pending and close the file."""
        if self._pending:
            self._flush()
        self._file.close()
