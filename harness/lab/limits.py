"""A process that goes on has no descriptor left, or few: its limit is lowered from outside (prlimit(2)), and restored.

It refuses to use up descriptors itself: how many there are for all is everybody's.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path


@contextmanager
def few_descriptors(pid: int, *, free: int) -> Iterator[bool]:
    """Leave a process so many descriptors beyond those that it has; whether that could be done.

    The limit is one of numbers, and those that are open beyond it stay so.
    """
    try:
        taken = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        numbers = (number for number in count() if number not in taken)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (next(islice(numbers, free, None)), before[1]))
    except OSError:  # it has gone, or is not ours
        yield False
        return
    try:
        yield True
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
