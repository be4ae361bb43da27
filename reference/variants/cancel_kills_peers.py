"""Cancelling one run ends the child work of every run in the state directory [OC#107721].

The mistake is to look for "our" processes by what they have in common instead of by whose they are.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from reference import identity
from reference.deadline import Deadline
from reference.home import Home
from reference.parts import Parts
from reference.runs import Registry

BREAKS = ("CHD-5",)


class _Registry(Registry):
    """A table of runs that sweeps the whole table when one is cancelled."""

    __slots__ = ()

    def finish(
        self, run_id: str, status: str, *, error: Mapping[str, Any] | None = None, text: str = ""
    ) -> dict[str, Any]:
        if status == "cancelled":
            self._sweep()
        return super().finish(run_id, status, error=error, text=text)

    def end_job(self, job_id: str, status: str = "ended") -> None:
        if status == "cancelled":
            self._sweep()
        super().end_job(job_id, status)

    def _sweep(self) -> None:
        for run in self.list_runs():
            for job in run["jobs"]:
                if job["status"] == "running":
                    _end(job["pid"], job["start_time"], job["boot_id"])


def _end(pid: int, started: int, boot: str) -> None:
    descriptor = identity.signal_process(pid, started, boot, signal.SIGTERM)
    if descriptor is not None:
        os.close(descriptor)


def _open(home: Home, deadline: Deadline) -> Registry:
    return _Registry.open(home, deadline)


def replace(parts: Parts) -> Parts:
    return parts.replace(run_registry=_open)
