"""Which process a pid means.

A pid alone names nobody: it is given out again, soon or after a reboot. A process is its pid together with
its start time (field 22 of /proc/PID/stat, in clock ticks since boot) and the boot's id. This module
refuses to signal anything by pid alone.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_DEAD_STATES = (b"Z", b"X")


def boot_id() -> str:
    """The kernel's id of this boot."""
    return _read(_BOOT_ID).decode("ascii").strip()


def start_time(pid: int) -> int | None:
    """Start of the live process with this pid, in clock ticks since boot; None if it is gone or a zombie."""
    stat = _read(f"/proc/{pid}/stat")
    # The command name stands in brackets and may itself hold brackets and spaces, so count from the last one.
    fields = stat[stat.rfind(b")") + 2 :].split()
    if len(fields) < 20 or fields[0] in _DEAD_STATES:
        return None
    return int(fields[19])


def is_alive(pid: int, started: int, boot: str) -> bool:
    """Whether exactly this process still runs."""
    return pid > 0 and boot == boot_id() and start_time(pid) == started


def signal_process(pid: int, started: int, boot: str, number: int) -> int | None:
    """Signal exactly this process; a pidfd to wait on, which the caller closes, or None if it is gone.

    The pidfd is opened before the start time is read: if the time matches then, the descriptor cannot mean
    another process (pidfd_open(2)).
    """
    import signal

    try:
        descriptor = os.pidfd_open(pid)
    except (ProcessLookupError, ValueError, OverflowError):
        return None
    try:
        if is_alive(pid, started, boot):
            signal.pidfd_send_signal(descriptor, number)
            return descriptor
    except ProcessLookupError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def end_process(pid: int, started: int, boot: str, patience: Deadline, kill_patience: Deadline) -> bool:
    """SIGTERM to exactly this process, SIGKILL when patience is over; whether it is gone.

    One that is stopped is continued: only then can it take SIGTERM, and end what it has started with it.
    """
    import signal

    descriptor = signal_process(pid, started, boot, signal.SIGTERM)
    if descriptor is None:
        return True
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGCONT)
        if wait_gone(descriptor, patience):
            return True
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        return wait_gone(descriptor, kill_patience)
    except ProcessLookupError:
        return True
    finally:
        os.close(descriptor)


def wait_gone(descriptor: int, deadline: Deadline) -> bool:
    """Wait until the process of this pidfd has ended, for some weeks at most; whether it did so before the deadline."""
    import select

    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(deadline.milliseconds()))


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return b""
    try:
        return os.read(descriptor, 4096)
    except ProcessLookupError:
        return b""
    finally:
        os.close(descriptor)
