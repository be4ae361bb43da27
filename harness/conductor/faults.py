"""What can be made to happen to a call at its turn, instead of what it asked for."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from harness.conductor import calls, kernel
from harness.conductor.supervisor import StoppedCall


class Fault(Protocol):
    """One way to treat a call."""

    @property
    def name(self) -> str:
        """As a plan writes it: "ENOSPC", "kill", "SIGTERM", "short"; "" for none."""
        ...

    def strike(self, call: StoppedCall) -> bool:
        """Release the call, this way. False when it could not be done, so that the fault has not taken place."""
        ...


@dataclass(frozen=True, slots=True)
class NoFault:
    """The call runs."""

    name: str = ""

    def strike(self, call: StoppedCall) -> bool:
        return call.go()


@dataclass(frozen=True, slots=True)
class Fail:
    """The call fails with an errno, and has no effect."""

    number: int

    @property
    def name(self) -> str:
        return errno.errorcode[self.number]

    def strike(self, call: StoppedCall) -> bool:
        return call.fail(self.number)


@dataclass(frozen=True, slots=True)
class Kill:
    """The calling process is killed before the call has run."""

    name: str = "kill"

    def strike(self, call: StoppedCall) -> bool:
        return call.kill()


@dataclass(frozen=True, slots=True)
class Signal:
    """The calling process is sent a signal, and the call runs."""

    number: signal.Signals

    @property
    def name(self) -> str:
        return self.number.name

    def strike(self, call: StoppedCall) -> bool:
        with suppress(ProcessLookupError):
            pidfd = os.pidfd_open(call.process)
            try:
                signal.pidfd_send_signal(pidfd, self.number)
            finally:
                os.close(pidfd)
            return call.go()
        return False


@dataclass(frozen=True, slots=True)
class Short:
    """A write writes only the first half of its data, as a nearly full disk or a signal makes it do (write(2))."""

    name: str = "short"

    def strike(self, call: StoppedCall) -> bool:
        size = call.args[2]
        if call.kind.name != "write" or size < 2 or not kernel.still_waits(call.supervisor.listener, call.id):
            call.go()
            return False
        data = calls.read_memory(call.thread, call.args[1], size // 2)
        return call.answer(_write(call, data))


def _write(call: StoppedCall, data: bytes) -> int:
    """Write through the caller's own open file description, whose position moves. Raises OSError."""
    pidfd = os.pidfd_open(call.process)
    try:
        descriptor = kernel.borrow_descriptor(pidfd, call.args[0] & 0xFFFFFFFF)
    finally:
        os.close(pidfd)
    try:
        return os.write(descriptor, data)
    finally:
        os.close(descriptor)


def parse(name: str) -> Fault:
    """The fault that a plan names. Raises ValueError."""
    if name == "kill":
        return Kill()
    if name == "short":
        return Short()
    if name.startswith("SIG"):
        return Signal(signal.Signals[name]) if name in signal.Signals.__members__ else _unknown(name)
    numbers = {text: number for number, text in errno.errorcode.items()}
    return Fail(numbers[name]) if name in numbers else _unknown(name)


def _unknown(name: str) -> Fault:
    raise ValueError(f"there is no fault {name!r}: an errno (ENOSPC), a signal (SIGTERM), kill or short")
