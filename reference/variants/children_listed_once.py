"""What is to be ended is listed once, before the first signal: what that makes a process start goes on.

Breaks CHD-2. Clean-up hooks and supervisors start others when they are told to end.
"""

from __future__ import annotations

import signal
from time import monotonic

from reference.tools import job, keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.parts import Parts
    from reference.tools.tree import Process

BREAKS = ("CHD-2",)
MAY_BREAK = ("CHD-1", "CHD-3")  # what a compiler driver has just started, say

KILL_SECONDS = 1.0
_PAUSE = 0.05


def _take_down(
    look: Callable[[], list[Process]],
    reap: Callable[[], bool],
    wait: Callable[[float], None],
    grace: float,
    group: Callable[[], int] = lambda: 0,
) -> list[Process]:
    """SIGTERM, `grace` seconds and SIGKILL, for those that were there at the beginning."""
    found = look()
    for numbers, seconds in (((signal.SIGTERM, signal.SIGCONT), grace), ((signal.SIGKILL,), KILL_SECONDS)):
        for process in found:
            for number in numbers:
                process.send(number)
        end = monotonic() + seconds
        while reap() and monotonic() < end:
            wait(_PAUSE)
    return found


def replace(parts: Parts) -> Parts:
    """Swap how a tree is taken down, by keepers and without."""
    keeper.take_down = _take_down  # type: ignore[attr-defined]
    keeper.signal_group = lambda group, number: None  # type: ignore[attr-defined]
    job.take_down = _take_down  # type: ignore[attr-defined]
    return parts
