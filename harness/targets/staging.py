"""How an installation comes to its place: whole or not at all, and made by one process at a time.

It is built in a staging folder beside its final place and moved there by one rename, so a half install is never
seen. A staging folder is never continued: npm unpacks in place, and a package cut off midway looks complete to it.
It is removed on failure and on Ctrl-C; npm's own cache makes the next try quick.

One lock per installation: a second process waits for the first and then uses its result. npm itself inherits a lock
on its staging folder, so that one left behind by SIGKILL is only removed once its npm has ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import ProvisionError

ReportProgress = Callable[[str], None]


@contextmanager
def only_one(home: Path, progress: ReportProgress, timeout: float) -> Iterator[None]:
    """Wait until nobody else installs this, at most `timeout` seconds. Raises ProvisionError."""
    lock = FileLock(home.parent / f".{home.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"waiting for another process that is installing {home.name}")
        try:
            lock.acquire(timeout=timeout, poll_interval=0.2)
        except Timeout:
            message = f"another process has been installing {home.name} for more than {timeout:.0f} s"
            raise ProvisionError(message, hint="look at that process; once it has ended, try again") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def staged(home: Path) -> Iterator[tuple[Path, int]]:
    """A new folder beside `home` with a held lock's descriptor; removed unless it was moved away."""
    staging = Path(tempfile.mkdtemp(prefix=f".{home.name}~", suffix=".staging", dir=home.parent))
    held = os.open(staging, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield staging, held
    finally:
        os.close(held)
        shutil.rmtree(staging, ignore_errors=True)


def remove_leftovers(home: Path) -> None:
    """Remove what killed installs left, except where their npm still runs."""
    for leftover in home.parent.glob(f".{home.name}~*.staging"):
        descriptor = os.open(leftover, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(leftover, ignore_errors=True)
        finally:
            os.close(descriptor)


def move(staging: Path, home: Path) -> None:
    """Put the finished folder in place, durably; what stood there, of an older recipe or in parts, goes."""
    if home.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{home.name}~", suffix=".staging", dir=home.parent))
        home.rename(aside / "old")
        shutil.rmtree(aside, ignore_errors=True)
    staging.rename(home)
    _sync_folder(home.parent)


def write_synced(path: Path, document: Mapping[str, object]) -> None:
    """Write a JSON document that is on the disk when this returns."""
    with path.open("w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
