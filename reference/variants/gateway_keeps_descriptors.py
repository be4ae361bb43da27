"""The gateway closes its end of the pipe by which a worker learns of its death when it ends itself, and not before.

Breaks RES-4: each turn costs a descriptor, and after some hundreds of them the gateway takes no more.
"""

from __future__ import annotations

import os

from reference.gateway.workers import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("RES-4",)

_close = Worker.close


def _keep_one(worker: Worker) -> int:
    os.dup(worker._lifeline)
    return _close(worker)


def replace(parts: Parts) -> Parts:
    """Swap how the gateway is done with a worker."""
    Worker.close = _keep_one  # type: ignore[method-assign,assignment]
    return parts
