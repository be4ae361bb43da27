"""What can be made to happen to a call at its turn, instead of what it asked for."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from harness.conductor import calls, kernel
from harness.conductor.supervisor import StoppedCall
from harness.schedules.decisions import Fault, FaultKind


def strike(call: StoppedCall, fault: Fault) -> bool:
    """Release the call in this way. False when the fault could not take place; then the call has run, or is gone."""
    match fault.kind:
        case FaultKind.ERRNO:
            return call.fail(fault.number)
        case FaultKind.KILL:
            return call.kill()
        case FaultKind.SIGNAL:
            return _signal(call, fault.number) and call.go()
        case FaultKind.SHORT:
            return _write_half(call) or (call.go() and False)


def _signal(call: StoppedCall, number: int) -> bool:
    """Send a signal to the calling process, which finds it when the call has ended."""
    with suppress(ProcessLookupError):
        pidfd = os.pidfd_open(call.process)
        try:
            signal.pidfd_send_signal(pidfd, number)
        finally:
            os.close(pidfd)
        return True
    return False


def _write_half(call: StoppedCall) -> bool:
    """Write the first half of the data in the caller's place, as a nearly full disk makes it happen (write(2)).

    It goes through the caller's own open file description, so that its position moves. Raises OSError.
    """
    size = call.args[2]
    if call.kind.name != "write" or size < 2 or not call.waits():
        return False
    data = calls.read_memory(call.thread, call.args[1], size // 2)
    pidfd = os.pidfd_open(call.process)
    try:
        descriptor = kernel.borrow_descriptor(pidfd, call.args[0] & 0xFFFFFFFF)
    finally:
        os.close(pidfd)
    try:
        return call.answer(os.write(descriptor, data))
    finally:
        os.close(descriptor)
