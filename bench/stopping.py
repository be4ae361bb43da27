"""SIGTERM ends a bench as Ctrl-C does: with what it has started, and with its temporary folders."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import psutil

EXIT_TERMINATED = 143


def stop_when_told() -> None:
    """Let SIGTERM unwind the stack; without a handler it would end the process where it stands."""
    signal.signal(signal.SIGTERM, _terminated)


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(EXIT_TERMINATED)


@contextmanager
def ended_together() -> Iterator[None]:
    """What is started inside has ended afterwards: else it would write into folders that are being removed.

    By the table of processes and not by a list of ours, which a signal between a start and its entry leaves short.
    """
    before = _children()
    try:
        yield
    finally:
        started = [child for child in _children() if child not in before]  # equal are those of one pid and start time
        for child in started:
            child.kill()
        psutil.wait_procs(started)


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)
