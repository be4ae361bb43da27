"""What background work prints goes to its turn, and to nobody once that is over: the next line ends the work.

Breaks CHD-4. A server that writes a line for each request serves one: the pipe is closed (SIGPIPE). A daemon of
alien-id/agent-id#80 ended so.
"""

from __future__ import annotations

import os

from reference.parts import Parts
from reference.tools import job
from reference.tools.keeper import Work

BREAKS = ("CHD-4",)

_fork_keeper = job._fork_keeper


def _fork_with_a_pipe(work: Work) -> object:
    """Give it the writing end of a pipe; the other one is closed when this process ends."""
    if work.background:
        _, work.output = os.pipe()
    return _fork_keeper(work)


def replace(parts: Parts) -> Parts:
    """Swap where the output of background work goes."""
    job._fork_keeper = _fork_with_a_pipe  # type: ignore[assignment]
    return parts
