"""SQLite's result codes as this program's errors, told apart by code (https://sqlite.org/rescode.html)."""

from __future__ import annotations

import os
import resource
import sqlite3

from reference import durable
from reference.errors import Busy, Local, from_oserror

_LONGEST_PATH = 500  # bytes: SQLite's own limit, MAX_PATHNAME, is 512 with the ends that it adds
_GROWTH = 1 << 20  # bytes that a write of ours can add to one of its files
_DAMAGED = ("database-damaged", "`reference doctor --fix` puts it aside and starts a new one")
_OTHER = ("database-error", "look at `reference doctor`")
_CODES: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("disk-full", "free some space on that file system, then run the command again"),
    sqlite3.SQLITE_READONLY: ("read-only", "give yourself permission to write there"),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the database."""
    return _primary(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def typed(error: sqlite3.Error, path: str) -> Local:
    """The typed failure for an error of SQLite."""
    if is_busy(error):
        return Busy(
            "database-busy",
            f"{path} is locked by another process",
            hint="end the program that holds it open, for example an sqlite3 shell; `fuser` names it",
            detail={"path": path},
        )
    for name in (f"{path}-wal", f"{path}-shm"):  # SQLite does not say that one of them is no file
        try:
            durable.check_regular(os.lstat(name))
        except FileNotFoundError:
            continue
        except OSError as problem:
            return from_oserror(problem, name)
    if isinstance(error, sqlite3.OperationalError) and _primary(error) == 0:
        return damaged(path, str(error))  # not SQLite's: Python's own, of a text that is no UTF-8
    if _primary(error) == sqlite3.SQLITE_CANTOPEN:
        return _cannot_open(path)
    if _primary(error) == sqlite3.SQLITE_IOERR:
        code, hint = _refused(path)
    else:
        code, hint = _CODES.get(_primary(error), _OTHER)
    return Local(code, f"{path}: {error}", hint=hint, detail={"path": path, "sqlite": error_name(error)})


def damaged(path: str, problem: str) -> Local:
    """The typed failure for a value that cannot be what this program wrote."""
    code, hint = _DAMAGED
    return Local(code, f"{path}: {problem}", hint=hint, detail={"path": path})


def error_name(error: sqlite3.Error) -> str:
    """SQLite's own name of the error, for example SQLITE_IOERR_WRITE."""
    return str(getattr(error, "sqlite_errorname", type(error).__name__))


def _primary(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _refused(path: str) -> tuple[str, str]:
    """SQLite keeps the kernel's reason to itself, so what can be one is looked at."""
    if os.statvfs(os.path.dirname(path)).f_bavail == 0:
        return _CODES[sqlite3.SQLITE_FULL]
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    sizes = [os.path.getsize(name) for name in (path, f"{path}-wal") if os.path.exists(name)]
    if limit != resource.RLIM_INFINITY and limit < max(sizes, default=0) + _GROWTH:
        return "file-too-large", "raise the limit with `ulimit -f`"
    return _OTHER


def _cannot_open(path: str) -> Local:
    """SQLite does not say why; opening the files ourselves does, but for a name that is too long for it alone."""
    for name in (path, f"{path}-wal", f"{path}-shm"):
        try:
            os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            return from_oserror(error, name)
    if len(os.fsencode(path)) > _LONGEST_PATH:
        hint = f"choose a state directory whose path has less than {_LONGEST_PATH - 10} bytes"
        return Local("path-too-long", f"{path} is too long for SQLite", hint=hint, detail={"path": path})
    return Local("database-error", f"{path} cannot be opened", hint="look at `reference doctor`", detail={"path": path})
