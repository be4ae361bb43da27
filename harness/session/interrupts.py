"""How a session ends early: once, orderly, and whatever is pressed meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest

from harness.session.patience import Patient


class Interruptible:
    """SIGTERM ends the session as Ctrl-C does: orderly, with a report of what was done so far. A second one is ignored:
    pytest does not survive one in mid-report, and SIGKILL stays safe, because the launcher clears away."""

    def __init__(self) -> None:
        self._before: Any = None
        self._before_patient: Any = None
        self._before_stopping: Any = None

    def arm(self) -> None:
        if self._before is None and threading.current_thread() is threading.main_thread():  # signal(2) in Python
            self._before = signal.signal(signal.SIGTERM, self._interrupt)

    def arm_for_workers(self) -> None:
        """The same where pytest-xdist waits for its workers, and no event loop looks for Python's own handler."""
        self.arm()
        if self._before is not None and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before_patient = signal.signal(signal.SIGINT, Patient(signal.default_int_handler))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None]:
        try:
            return (yield)
        except KeyboardInterrupt:
            self.stopping()  # pytest asks its plug-ins only after a while in which a second Ctrl-C would be a traceback
            raise

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        self.stopping()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self.disarm()

    def stopping(self) -> None:
        """The session is on its way out: another Ctrl-C changes nothing."""
        if self._before is not None and self._before_stopping is None:
            self._before_stopping = signal.signal(signal.SIGINT, _unheard)

    def disarm(self) -> None:
        if self._before_stopping is not None:
            signal.signal(signal.SIGINT, self._before_stopping)
        if self._before_patient is not None:
            signal.signal(signal.SIGINT, self._before_patient)
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
        self._before = self._before_patient = self._before_stopping = None

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._before_stopping is None and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            raise KeyboardInterrupt  # a background job of a script's: its shell had it ignore Ctrl-C, but not this
        signal.raise_signal(signal.SIGINT)  # whoever handles that one now, pytest or the running loop, gets it


def _unheard(_number: int, _frame: FrameType | None) -> None:
    """Not SIG_IGN: Python prints an error when it is set while one more signal is on its way."""


def interruptible(config: pytest.Config) -> Interruptible:
    """Registered as a plug-in of this session."""
    plugin = Interruptible()
    config.pluginmanager.register(plugin)
    return plugin
