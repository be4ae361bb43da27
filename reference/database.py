"""The SQLite file under the table of runs: opened, waited for, read with checks, and its errors typed.

Waiting is bounded and ends in a typed error. A connection must not be used in a forked child.
"""

from __future__ import annotations

import os
import sqlite3
import time

from reference import durable, rowcheck, sqlerrors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self, TypeVar

    from reference.deadline import Deadline
    from reference.home import Home

    Row = dict[str, Any]
    T = TypeVar("T")

BUSY_SECONDS = 5.0
_SLICE = 0.05  # seconds in SQLite's own wait: signals are only noticed between two of them

_VERSION = 2  # of the schema
_SCHEMA = """
CREATE TABLE runs (
  id TEXT PRIMARY KEY, agent TEXT NOT NULL, session TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN
    ('running', 'succeeded', 'failed', 'timed-out', 'cancelled', 'interrupted')),
  pid INTEGER NOT NULL, start_time INTEGER NOT NULL, boot_id TEXT NOT NULL,
  started REAL NOT NULL, finished REAL, error TEXT, text TEXT, via TEXT NOT NULL,
  parent TEXT REFERENCES runs (id), message TEXT);
CREATE INDEX runs_by_status ON runs (status);
CREATE INDEX runs_by_parent ON runs (parent) WHERE parent IS NOT NULL;
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, run TEXT NOT NULL REFERENCES runs (id),
  background INTEGER NOT NULL, command TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'ended', 'cancelled')),
  pid INTEGER NOT NULL, start_time INTEGER NOT NULL, boot_id TEXT NOT NULL,
  started REAL NOT NULL, finished REAL);
CREATE INDEX jobs_by_run ON jobs (run);
CREATE INDEX jobs_by_status ON jobs (status);
"""


def _make(path: str) -> None:
    """Make the file if it is not there, as 0600. Raises OSError, with the path, also for what is no file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with durable.naming(path):
            durable.check_regular(os.fstat(descriptor))
    finally:
        os.close(descriptor)


class Database:
    """One connection. All methods may raise Local or Busy(`database-busy`)."""

    __slots__ = ("_connection", "_deadline", "path")

    def __init__(self, path: str, connection: sqlite3.Connection, deadline: Deadline) -> None:
        self.path = path
        self._connection = connection
        self._deadline = deadline

    @classmethod
    def open(cls, home: Home, deadline: Deadline) -> Self:
        """Open the database, making it at first use."""
        home.make()
        path = home.runs
        _make(path)
        try:
            connection = sqlite3.connect(path, timeout=_SLICE, isolation_level=None)
        except sqlite3.Error as error:
            raise sqlerrors.typed(error, path) from None
        connection.row_factory = sqlite3.Row
        database = cls(path, connection, deadline)
        database._patiently(database._prepare)
        return database

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def patience(self, deadline: Deadline) -> None:
        """Wait for the database until then from now on, for example during the clean-up."""
        self._deadline = deadline

    def check_pages(self) -> None:
        """Raises Local(`database-damaged`) unless SQLite finds its file whole (PRAGMA integrity_check)."""
        found = self._patiently(lambda: self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if found != "ok":
            raise sqlerrors.damaged(self.path, found)

    def _read(self, statement: str, values: tuple[Any, ...]) -> list[Row]:
        """Rows that this program can have written. Raises Local(`database-damaged`) for others."""
        try:
            return rowcheck.checked(self._patiently(lambda: self._connection.execute(statement, values).fetchall()))
        except rowcheck.Damaged as problem:
            raise sqlerrors.damaged(self.path, str(problem)) from None

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        self._patiently(lambda: self._connection.execute(statement, values))

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do it, waiting for other processes no longer than the deadline and BUSY_SECONDS allow."""
        deadline = self._deadline.sooner(BUSY_SECONDS)
        while True:
            try:
                return work()
            except UnicodeDecodeError as error:  # a text, or SQLite's own message, which quotes a damaged schema
                raise sqlerrors.damaged(self.path, str(error)) from None
            except sqlite3.Error as error:
                if not sqlerrors.is_busy(error) or deadline.passed():
                    raise sqlerrors.typed(error, self.path) from None
                time.sleep(min(_SLICE / 10, deadline.remaining() or 0))  # SQLite does not wait for a mode change

    def _prepare(self) -> None:
        run = self._connection.execute
        version = run("PRAGMA user_version").fetchone()[0]
        if version == 0:
            run("PRAGMA journal_mode = WAL")
            self._create()
        elif version != _VERSION:
            raise sqlerrors.damaged(self.path, f"its format is {version}, and this program's is {_VERSION}")
        run("PRAGMA synchronous = NORMAL")

    def _create(self) -> None:
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            if run("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.split(";"):
                    run(statement)
                run(f"PRAGMA user_version = {_VERSION}")
            run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a signal that came with the COMMIT is acted on after it
                run("ROLLBACK")
            raise
