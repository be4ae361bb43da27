"""What can be made to happen to a call at its turn, instead of what it asked for."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from harness.conductor.halves import move_half, size
from harness.conductor.stopped import StoppedCall
from harness.schedules.decisions import Fault, FaultKind


def divisible(call: StoppedCall) -> bool:
    """Whether a part of the call can be carried out."""
    return size(call) > 1


def fits(call: StoppedCall, fault: Fault) -> bool:
    """Whether the call can be released in this way: only what is written or copied can be divided."""
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
            return (move_half(call) is not None and call.kill()) or _let_go(call)


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


def _let_go(call: StoppedCall) -> bool:
    """Let the call run as it is: False, as the fault did not take place."""
    call.go()
    return False


def _shorten(call: StoppedCall) -> bool:
    moved = move_half(call)
    return moved is not None and call.answer(moved)
