"""The gateway tells a worker to end and leaves it at that: one that is stopped is told, and never ends.

Breaks OPS-3. A turn that a debugger or a full memory has stopped keeps its session and its place in the list, whatever
its time-out, until the gateway itself ends.
"""

from __future__ import annotations

import signal

from reference.gateway.workers import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-3",)

_signal = Worker.signal


def _politely(self: Worker, number: int) -> None:
    if number != signal.SIGKILL:
        _signal(self, number)


def replace(parts: Parts) -> Parts:
    """Swap how a worker is ended."""
    Worker.signal = _politely  # type: ignore[method-assign]
    return parts
