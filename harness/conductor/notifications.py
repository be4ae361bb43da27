"""What a listener tells of the calls that stop, and how they are answered: the ioctls of seccomp_unotify(2).

Each is one question about one call. Which call is to be stopped is the filter's business, and what becomes of it the
supervisor's. Sources: seccomp_unotify(2), linux/seccomp.h.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
from dataclasses import dataclass
from enum import Enum

ARCH = 0xC000003E  # AUDIT_ARCH_X86_64
X32_BIT = 0x40000000  # in the number of a call of the x32 ABI
_NOTIF = struct.Struct("=QIIiIQ6Q")  # seccomp_notif: id, pid, flags, then seccomp_data
_RESPONSE = struct.Struct("=QqiI")  # seccomp_notif_resp: id, val, error, flags
_ADDFD = struct.Struct("=QIIII")  # seccomp_notif_addfd: id, flags, srcfd, newfd, newfd_flags
_ID = struct.Struct("=Q")
_IOC_RECV = 0xC0502100
_IOC_SEND = 0xC0182101
_IOC_ID_VALID = 0x40082102
_IOC_ADDFD = 0x40182103
_IOC_SET_FLAGS = 0x40082104
_SYNC_WAKE_UP = 1  # SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
_FLAG_CONTINUE = 1
_ADDFD_FLAG_SEND = 2  # the call is answered with the new descriptor in the same step (Linux 5.14)


@dataclass(frozen=True, slots=True)
class Notification:
    """One stopped system call. `thread` is a thread id, and `args` are raw registers.

    `foreign`: it came by a 32-bit entry point, of i386 or x32, where numbers and arguments mean something else.
    """

    id: int
    thread: int
    number: int
    args: tuple[int, ...]
    foreign: bool = False


def hand_over(listener: int) -> bool:
    """Tell the kernel that the caller and its supervisor take turns, so that it lets them share a processor (6.6).

    Waking another processor costs more than all the rest of a stop. False on a kernel that does not know of it.
    """
    try:
        fcntl.ioctl(listener, _IOC_SET_FLAGS, _SYNC_WAKE_UP)  # the flags themselves, not a pointer to them
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY):
            return False
        raise
    return True


class Sign(Enum):
    """What a listener has to say."""

    CALL = "a call has stopped"
    END = "no process under this filter is left"


class Ear:
    """Asks one listener for signs. One poll object for its whole life, as it is asked at every stop."""

    def __init__(self, listener: int) -> None:
        self._poll = select.poll()
        self._poll.register(listener, select.POLLIN)

    def listen(self, seconds: float = 0) -> Sign | None:
        """The next sign, waited for at most so long; None for none."""
        events = self._poll.poll(seconds * 1000)
        if not events:
            return None
        return Sign.CALL if events[0][1] & select.POLLIN else Sign.END


def receive(listener: int) -> Notification | None:
    """The next stopped call, or None when it has been withdrawn. Only after a sign of it.

    RECV can block when the stopped thread died before, so it is not called without one; a notification that was
    withdrawn since gives ENOENT (kernel/seccomp.c keeps the count of requests).
    """
    buffer = bytearray(_NOTIF.size)  # the kernel insists on zeroes
    while True:
        try:
            fcntl.ioctl(listener, _IOC_RECV, buffer)
            break
        except InterruptedError:
            continue
        except FileNotFoundError:
            return None
    id_, thread, _flags, number, arch, _ip, *args = _NOTIF.unpack(buffer)
    return Notification(id_, thread, number, tuple(args), arch != ARCH or bool(number & X32_BIT))


def still_waits(listener: int, id_: int) -> bool:
    """Whether the call is still stopped: what was read from the thread's memory is its own only if so."""
    try:
        fcntl.ioctl(listener, _IOC_ID_VALID, _ID.pack(id_))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return False
        raise
    return True


def proceed(listener: int, id_: int) -> bool:
    """Let the call run. False when the caller is gone or was interrupted; it may ask again."""
    return _respond(listener, id_, 0, 0, _FLAG_CONTINUE)


def answer(listener: int, id_: int, value: int = 0, error: int = 0) -> bool:
    """Answer the call without running it: `error` is an errno, or 0 and the call gives `value`."""
    return _respond(listener, id_, value, -error, 0)


def answer_with_file(listener: int, id_: int, source: int, *, close_on_exec: bool) -> bool:
    """Answer the call with a descriptor of the caller's own for our `source`: SECCOMP_IOCTL_NOTIF_ADDFD with SEND.

    The descriptor shares our open file, its offset included, so `source` must have been opened for this one answer.
    False when the caller is gone or was interrupted. Raises OSError: EMFILE when the caller may have no more
    descriptors, EINVAL on a kernel that cannot.
    """
    flags = os.O_CLOEXEC if close_on_exec else 0
    try:
        fcntl.ioctl(listener, _IOC_ADDFD, _ADDFD.pack(id_, _ADDFD_FLAG_SEND, source, 0, flags))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINPROGRESS):
            return False
        raise
    return True


def _respond(listener: int, id_: int, value: int, error: int, flags: int) -> bool:
    try:
        fcntl.ioctl(listener, _IOC_SEND, _RESPONSE.pack(id_, value, error, flags))
    except OSError as failure:
        if failure.errno in (errno.ENOENT, errno.EINPROGRESS):
            return False
        raise
    return True
