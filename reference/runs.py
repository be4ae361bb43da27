"""The table of runs and background jobs, in SQLite.

A row says which process does the work: pid, start time, boot id. A row that says "running" is a claim, and
the process table is the truth: whoever reads a row whose process is gone records it as interrupted. A run ends
once: a row that no longer says "running" is never written again, so that a result that comes after a cancel changes
nothing. The row of a run that another has delegated is also where that one finds what came of it.
"""

from __future__ import annotations

import json
import os
import time

from reference import identity
from reference.database import Database
from reference.errors import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from reference.database import Row
    from reference.deadline import Deadline

_POLL_SECONDS = 0.05


class Registry(Database):
    """The table of runs, over one connection. All methods may raise Local or Busy(`database-busy`)."""

    __slots__ = ()

    def verify(self) -> None:
        """Look at every page and every row. Raises Local(`database-damaged`)."""
        self.check_pages()
        self.rows(everything=True)

    def start(self, run_id: str, agent: str, session: str, *, pid: int, via: str) -> Row:
        """Record that this process starts a run, or that it is the one that does a run on record."""
        self._start(run_id, agent, session, pid, via, None, None)
        return self.get(run_id)

    def delegate(self, run_id: str, agent: str, session: str, *, pid: int, parent: str, message: str) -> None:
        """Record a run that another asks for, before it begins; `pid` is its keeper's until it does."""
        self._start(run_id, agent, session, pid, "local", parent, message)

    def delegated(self, agent: str, session: str, *, without: Collection[str]) -> list[Row]:
        """The runs that runs of this session have delegated, but for these, oldest first."""
        self.reconcile()
        statement = (
            "SELECT child.* FROM runs child CROSS JOIN runs parent ON parent.id = child.parent"  # CROSS: in this order
            " WHERE child.parent IS NOT NULL AND parent.agent = ? AND parent.session = ?"
            " AND child.id NOT IN (SELECT value FROM json_each(?)) ORDER BY child.started, child.id"
        )
        return self._with_jobs(self._read(statement, (agent, session, json.dumps(list(without)))))

    def _start(
        self, run_id: str, agent: str, session: str, pid: int, via: str, parent: str | None, message: str | None
    ) -> None:
        self._write(
            "INSERT INTO runs (id, agent, session, status, pid, start_time, boot_id, started, via, parent, message)"
            " VALUES (?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET pid = excluded.pid,"
            " start_time = excluded.start_time, boot_id = excluded.boot_id WHERE status = 'running'",
            (run_id, agent, session, *_identity(pid), time.time(), via, parent, message),
        )

    def finish(self, run_id: str, status: str, *, error: Mapping[str, Any] | None = None, text: str = "") -> Row:
        """Record how a run ended. The first end stands: what was cancelled does not become a success."""
        self._write(
            "UPDATE runs SET status = ?, finished = ?, error = ?, text = ? WHERE id = ? AND status = 'running'",
            (status, time.time(), json.dumps(error) if error else None, _storable(text), run_id),
        )
        return self.get(run_id)

    def start_job(self, run_id: str, *, pid: int, command: str, background: bool) -> str:
        """Record child work; `pid` is its keeper's, which takes the whole tree down on SIGTERM.

        The job's id.
        """
        job_id = new_id("j")
        self._write(
            "INSERT INTO jobs (id, run, background, command, status, pid, start_time, boot_id, started)"
            " VALUES (?, ?, ?, ?, 'running', ?, ?, ?, ?)",
            (job_id, run_id, background, command, *_identity(pid), time.time()),
        )
        return job_id

    def end_job(self, job_id: str, status: str = "ended") -> None:
        """Record that child work is over: `ended` or `cancelled`."""
        self._write(
            "UPDATE jobs SET status = ?, finished = ? WHERE id = ? AND status = 'running'",
            (status, time.time(), job_id),
        )

    def get(self, run_id: str) -> Row:
        """One run with its jobs, checked against the process table. Raises Usage(`unknown-run`)."""
        self.reconcile()
        rows = self._read("SELECT * FROM runs WHERE id = ?", (_storable(run_id),))
        if not rows:
            raise Usage(
                "unknown-run",
                f"there is no run {ascii(run_id)[:80]}",
                hint="`reference runs list --all` shows their ids",
                detail={"run": ascii(run_id)[:80]},
            )
        return self._with_jobs(rows)[0]

    def knows(self, run_id: str) -> bool:
        """Whether there is, or was, a run of this id."""
        return bool(self._read("SELECT id FROM runs WHERE id = ?", (run_id,)))

    def find_job(self, job_id: str) -> Row | None:
        """One background job, checked against the process table."""
        self.reconcile()
        rows = self._read("SELECT * FROM jobs WHERE id = ?", (_storable(job_id),))
        return rows[0] if rows else None

    def list_runs(self, *, everything: bool = False) -> list[Row]:
        """The runs that are alive, or have jobs that are; or all. Oldest first."""
        self.reconcile()
        return self.rows(everything=everything)

    def rows(self, *, everything: bool) -> list[Row]:
        """The same, as the table has it."""
        alive = (
            "" if everything else " WHERE status = 'running' OR id IN (SELECT run FROM jobs WHERE status = 'running')"
        )
        return self._with_jobs(self._read(f"SELECT * FROM runs{alive} ORDER BY started, id", ()))

    def reconcile(self) -> int:
        """Record as interrupted what claims to run but does not; how many rows that were."""
        gone = [row for row in self._read("SELECT * FROM runs WHERE status = 'running'", ()) if not is_alive(row)]
        for row in gone:
            self.finish_dead(row["id"], "interrupted")
        lost = [row for row in self._read("SELECT * FROM jobs WHERE status = 'running'", ()) if not is_alive(row)]
        for row in lost:
            self.end_job(row["id"])
        return len(gone) + len(lost)

    def finish_dead(self, run_id: str, status: str) -> None:
        """Record the end of a run whose process could not do so itself."""
        error = {
            "kind": "stopped",
            "code": status,
            "message": "the run's process ended without recording a result",
            "hint": "look at its transcript before running it again",
            "detail": {},
        }
        self._write(
            "UPDATE runs SET status = ?, finished = ?, error = ? WHERE id = ? AND status = 'running'",
            (status, time.time(), json.dumps(error), run_id),
        )

    def _with_jobs(self, rows: list[Row]) -> list[Row]:
        jobs: dict[str, list[Row]] = {row["id"]: [] for row in rows}
        statement = "SELECT * FROM jobs WHERE run IN (SELECT value FROM json_each(?)) ORDER BY started, id"
        for job in self._read(statement, (json.dumps(list(jobs)),)):
            jobs[job["run"]].append(job)
        for row in rows:
            row["jobs"] = jobs[row["id"]]
        return rows


def new_id(prefix: str) -> str:
    """A short id, unique in practice: 40 random bits."""
    return f"{prefix}-{os.urandom(5).hex()}"


def is_alive(row: Row) -> bool:
    """Whether the process of this row, and no other with its pid, still runs."""
    return identity.is_alive(row["pid"], row["start_time"], row["boot_id"])


def wait_for(row: Row, deadline: Deadline) -> None:
    """Wait until the run's process has ended, or a moment: its end is recorded just before. Raises Stopped."""
    descriptor = identity.signal_process(row["pid"], row["start_time"], row["boot_id"], 0)
    if descriptor is None:
        time.sleep(_POLL_SECONDS)
        return
    try:
        identity.wait_gone(descriptor, deadline)
    finally:
        os.close(descriptor)
    deadline.check()


def public(row: Row) -> Row:
    """A run as it is shown."""
    names = ("id", "agent", "session", "status", "pid", "start_time", "started", "finished", "via", "parent", "error")
    jobs = [
        {name: job[name] for name in ("id", "command", "status", "pid", "start_time", "started", "finished")}
        | {"background": bool(job["background"])}
        for job in row["jobs"]
    ]
    return {name: row[name] for name in names} | {"jobs": jobs}


def _storable(text: str) -> str:
    """SQLite takes UTF-8 only; a model may send half of a surrogate pair, and a shell any byte."""
    return text.encode("utf-8", "replace").decode()


def _identity(pid: int) -> tuple[int, int, str]:
    return pid, identity.start_time(pid) or 0, identity.boot_id()
