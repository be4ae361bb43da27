"""What holds for every test of the project."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Programs that tests start can be interrupted, as at a terminal.

    A shell without job control starts background commands with SIGINT ignored (POSIX, Shell Command Language, 2.11),
    and whatever these start inherits it; what a handler caught is the default again after exec.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, signal.SIG_IGN)
