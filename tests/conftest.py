"""What holds for every test of the project."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Programs that tests start can be interrupted, as at a terminal, and hear that it has gone.

    A shell without job control starts background commands with SIGINT ignored (POSIX, Shell Command Language, 2.11),
    and nohup(1) commands with SIGHUP ignored. Whatever these start inherits it; what a handler caught is the default
    again after exec.
    """
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: lambda *_: None}
    ignored = [number for number in handlers if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, handlers[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
