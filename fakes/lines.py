"""A journal of records as JSON lines, for the stand-alone server; a test process keeps its own instead.

Lines are collected and written once for each turn of the event loop. A line is one record: its type's name as
`event`, the time `at` in seconds since the epoch, and its fields.
"""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


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
        fields = {name: getattr(event, name) for name in kind.__slots__}  # type: ignore[attr-defined]
        line = _encode({"event": kind.__name__, "at": time.time(), **fields})
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pending.append(line.encode("utf-8", "replace") + b"\n")

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
