"""A keeper that its own work has stopped (`kill -STOP $PPID`) is continued by nobody: it sees no end of its run.

Breaks CHD-1 and CHD-2. Whoever is to end others has to be able to do so whatever they do to it.
"""

from __future__ import annotations

import socket

from reference.parts import Parts
from reference.tools import keeper
from reference.tools.job import Job

BREAKS = ("CHD-1", "CHD-2")


def _dismiss(self: Job) -> None:
    """Say that the work is not wanted any more, to whom may be stopped."""
    try:
        self._control.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the keeper has ended already


def _stay_stopped() -> None:
    """In place of being continued when the command is gone."""


def replace(parts: Parts) -> Parts:
    """Swap what continues a keeper while its command lives, and after that."""
    Job.dismiss = _dismiss  # type: ignore[method-assign]
    keeper.continue_at_parents_death = _stay_stopped  # type: ignore[attr-defined]
    return parts
