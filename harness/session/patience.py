"""Ctrl-C pressed again at once is the same Ctrl-C: what handles the first is at work, and a second would break it off.

Where pytest-xdist waits for its workers, in a condition variable, two at once are a RuntimeError; in a running event
loop the second is raised in the midst of what ends the run. A worker gets two of each that is pressed: one from the
terminal, and one from the session, which also ends workers that no terminal reaches.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

_SAME = 1.0  # seconds; not for good, as the first may be lost: Python only prints what is raised in some callbacks

Handler = Callable[[int, FrameType | None], object]
_T = TypeVar("_T")


class Patient:
    """A handler of SIGINT that passes on only the first of those that come within a second."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._heard = float("-inf")

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._heard >= _SAME:
            self._heard = now
            self._handler(number, frame)


@contextmanager
def patient() -> Iterator[None]:
    """Make the present handler of SIGINT a patient one; nothing changes where none is, and in other threads."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, Patient(handler))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


async def patiently(work: Awaitable[_T]) -> _T:
    """Do the work with a patient handler: of asyncio.Runner's, which takes the place of no other than Python's own."""
    with patient():
        return await work
