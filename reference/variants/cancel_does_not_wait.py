"""A cancel returns as soon as it has sent its signal, and the run is off the list while it still works.

Breaks OPS-1. Whoever starts the next run, because the list is empty, meets the one before it. No single thread.
"""

from __future__ import annotations

import os
import signal

from reference import identity
from reference.deadline import Deadline
from reference.parts import Parts

BREAKS = ("OPS-1",)


def _signalled(pid: int, started: int, boot: str, patience: Deadline, kill_patience: Deadline) -> bool:
    """SIGTERM to exactly this process; what becomes of it is its own business."""
    descriptor = identity.signal_process(pid, started, boot, signal.SIGTERM)
    if descriptor is not None:
        os.close(descriptor)
    return True


def replace(parts: Parts) -> Parts:
    identity.end_process = _signalled
    return parts
