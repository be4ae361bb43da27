"""What can be made to happen to a call at its turn, instead of what it asked for."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from harness.conductor import calls, kernel
from harness.conductor.stopped import StoppedCall
from harness.schedules.decisions import Fault, FaultKind


def divisible(call: StoppedCall) -> bool:
    """Whether a part of the call can be carried out."""
    return _size(call) > 1


def fits(call: StoppedCall, fault: Fault) -> bool:
    """Whether the call can be released in this way: only what is written can be divided."""
    return fault.kind not in (FaultKind.SHORT, FaultKind.TORN) or divisible(call)


def strike(call: StoppedCall, fault: Fault) -> bool:
    """Release the call in this way. False when the fault could not take place; then the call has run, or is gone."""
    match fault.kind:
        case FaultKind.ERRNO:
            return call.fail(fault.number)
        case FaultKind.KILL:
            return call.kill()
        case FaultKind.SIGNAL:
            return send(call.process, fault.number) and call.go()
        case FaultKind.SHORT:
            return _shorten(call) or _let_go(call)
        case FaultKind.TORN:
            return (_write_half(call) is not None and call.kill()) or _let_go(call)


def send(process: int, number: int) -> bool:
    """Send a signal to a process of the run; one at a call finds it when that has ended. False: it is gone."""
    with suppress(ProcessLookupError):
        pidfd = os.pidfd_open(process)
        try:
            signal.pidfd_send_signal(pidfd, number)
        finally:
            os.close(pidfd)
        return True
    return False


def _size(call: StoppedCall) -> int:
    """How many bytes the call asks to be written; 0 for one that writes none, or cannot."""
    with suppress(OSError):
        return sum(size for _, size in calls.memory_written(call.kind, call.thread, call.args))
    return 0


def _let_go(call: StoppedCall) -> bool:
    """Let the call run as it is: False, as the fault did not take place."""
    call.go()
    return False


def _shorten(call: StoppedCall) -> bool:
    written = _write_half(call)
    return written is not None and call.answer(written)


def _write_half(call: StoppedCall) -> int | None:
    """Write the first half of the data in the caller's place, as a nearly full disk makes it happen (write(2)).

    It goes through the caller's own open file description, so that its position moves. How many bytes that were; None
    for a call that cannot be divided or is gone. Raises OSError.
    """
    if not divisible(call) or not call.waits():
        return None
    data = call.data(most=_size(call) // 2)
    pidfd = os.pidfd_open(call.process)
    try:
        descriptor = kernel.borrow_descriptor(pidfd, call.args[0] & 0xFFFFFFFF)
    finally:
        os.close(pidfd)
    try:
        if call.kind.name.startswith("p") and call.args[3] < 1 << 63:  # pwritev2 takes -1 for "where it stands"
            return os.pwrite(descriptor, data, call.args[3])
        return os.write(descriptor, data)
    finally:
        os.close(descriptor)
