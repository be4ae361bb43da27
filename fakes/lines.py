"""A journal of records as JSON lines, for the stand-alone server; a test process keeps its own instead.

Lines are collected and written once for each turn of the event loop. A line is one record: its type's name as
`event`, the time `at` in seconds since the epoch, and its fields.
"""

import asyncio
import json
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# Setting up the encoder costs more than all else in a line, and the same few values come again and again.
_kept = lru_cache(maxsize=4096)(_encode)


def _value(value: str | float | bool | None) -> str:
    # repr of a finite number is JSON; bool is a subclass of int, so the type has to be exact.
    return repr(value) if type(value) in (int, float) else _kept(value)


def _line(kind: str, fields: dict[str, Any]) -> str:
    parts = [f'"{name}":{_value(value)}' for name, value in fields.items()]
    return f'{{"event":"{kind}",{",".join(parts)}}}\n'


class Lines:
    """A journal in a file, or in memory when `path` is None.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path | None, on_failure: Callable[[OSError], None]) -> None:
        self._path = path
        self._file = path.open("wb", buffering=0) if path is not None else None
        self._kept: list[bytes] = []
        self._pending: list[bytes] = []
        self._on_failure = on_failure

    def record(self, event: object) -> None:
        """Add one record."""
        kind = type(event)
        fields: dict[str, Any] = {"at": time.time()}
        fields.update((name, getattr(event, name)) for name in kind.__slots__)  # type: ignore[attr-defined]
        line = _line(kind.__name__, fields)
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pending.append(line.encode("utf-8", "replace"))

    def _flush(self) -> None:
        data, self._pending = b"".join(self._pending), []
        if self._file is None:
            self._kept.append(data)
            return
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._on_failure(error)

    def text(self) -> bytes:
        """All lines so far."""
        if self._pending:
            self._flush()
        return self._path.read_bytes() if self._path is not None else b"".join(self._kept)

    def close(self) -> None:
        """Write what is pending and close the file."""
        if self._pending:
            self._flush()
        if self._file is not None:
            self._file.close()
