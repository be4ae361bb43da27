"""Writes a session's reports (record.json, report.md and report.html) and baselines, each whole or not at all.

Refuses to touch anything else in the folder; a reader never sees half a file.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from reports import html, markdown
from reports.baseline import Baseline
from reports.errors import ReportError
from reports.record import Record

RECORD, MARKDOWN, HTML = "record.json", "report.md", "report.html"


def write(record: Record, folder: Path) -> tuple[Path, ...]:
    """Write the three files into `folder`, which is made if missing, and return their paths.

    The record is written first, so that a failure to render never costs the data. Raises ReportError when the
    folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        data = _replace(folder / RECORD, record.dumps())
        return (
            data,
            _replace(folder / MARKDOWN, markdown.render(record)),
            _replace(folder / HTML, html.render(record)),
        )
    except OSError as error:
        raise ReportError(
            f"{error.filename or folder}: the report cannot be written: {error.strerror or error}",
            f"make {folder} a folder that you can write, or choose another",
        ) from error


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write it in the place of what is there. Raises ReportError when the file cannot be written."""
    try:
        _replace(path, baseline.dumps())
    except OSError as error:
        raise ReportError(f"{path}: cannot be written: {error.strerror or error}", "name a file in a folder") from error


def _replace(path: Path, text: str) -> Path:
    # A lone surrogate, which no UTF-8 file can hold, becomes \udcXX; the record has it so already.
    data = text.encode("utf-8", "backslashreplace")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    """Linux tells the mask in /proc; asking by setting it would race with other threads."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o077
