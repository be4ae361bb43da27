"""What can be made to happen to a call at its turn, instead of what it asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.conductor import kernel
from harness.conductor.halves import half, move_half
from harness.conductor.stopped import StoppedCall
from harness.schedules.decisions import Fault, FaultKind

_DYING = 1.0  # seconds: more than the kernel takes to end a process that nothing holds up
# What a signal does that nobody has asked for is to end the process, but for these (signal(7)).
_HARMLESS = frozenset({
    signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH,
    signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU,
})  # fmt: skip


def divisible(call: StoppedCall) -> bool:
    """Whether a part of the call can be carried out."""
    return half(call) > 0


def fits(call: StoppedCall, fault: Fault) -> bool:
    """Whether the call can be released in this way: only what is written or copied can be divided."""
    return fault.kind not in (FaultKind.SHORT, FaultKind.TORN) or divisible(call)


def strike(call: StoppedCall, fault: Fault, command: Callable[[], frozenset[int]]) -> bool:
    """Release the call in this way. False when the fault could not take place; then the call has run, or is gone.

    `command` tells which processes of the caller's command live: a kill ends them all.
    """
    match fault.kind:
        case FaultKind.ERRNO:
            return call.fail(fault.number)
        case FaultKind.KILL:
            return _kill(call, command)
        case FaultKind.SIGNAL | FaultKind.STALL:
            return _interrupt(call, fault.number)
        case FaultKind.SHORT:
            return _shorten(call) or _let_go(call)
        case FaultKind.TORN:
            return (move_half(call) is not None and _kill(call, command)) or _let_go(call)


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


def _kill(call: StoppedCall, command: Callable[[], frozenset[int]]) -> bool:
    """End the whole command at this call: of one that is left without a child nobody knows what it makes of that.

    Whatever of it calls meanwhile is not answered. False when the call waits no longer.
    """
    if not call.waits():
        return False
    killed = {call.process}
    while left := command() - killed:  # again, for what one of them was just starting
        for process in sorted(left):  # parents first, as a rule: who sees a child die may say so
            call.supervisor.orphan(process)
            send(process, signal.SIGKILL)
        killed |= left
    return call.kill()


def _interrupt(call: StoppedCall, number: int) -> bool:
    """Send a signal, and let the call run. A process that the signal ends is waited for: its call never runs.

    Who was quicker, it in dying or we with our answer, would otherwise decide whether the call took place.
    """
    process = call.process
    if ends := _ends(process, number):
        call.supervisor.orphan(process)
    sent = send(process, number)
    if sent and ends:
        kernel.await_end(process, _DYING)
    call.go()
    return sent


def _ends(process: int, number: int) -> bool:
    """Whether a signal ends the process: it is not caught, ignored or blocked, and that is what it does by itself."""
    if number in _HARMLESS:
        return False
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # it is gone
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigBlk:", "SigIgn:", "SigCgt:"))]
    return not any(mask >> (number - 1) & 1 for mask in masks)


def _let_go(call: StoppedCall) -> bool:
    """Let the call run as it is: False, as the fault did not take place."""
    call.go()
    return False


def _shorten(call: StoppedCall) -> bool:
    moved = move_half(call)
    return moved is not None and call.answer(moved)
