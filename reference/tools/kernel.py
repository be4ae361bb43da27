"""The three prctl(2) calls that Python does not have. The only ctypes in this program."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """From now on orphaned descendants become children of this process instead of init's. Raises OSError."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def continue_at_parents_death() -> None:
    """From now on this process gets SIGCONT when its parent ends, for the case that it is stopped. Raises OSError."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def set_name(name: str) -> None:
    """What /proc/PID/comm shows; the kernel keeps 15 bytes. Raises OSError."""
    buffer = ctypes.create_string_buffer(name.encode())
    _prctl(_PR_SET_NAME, ctypes.addressof(buffer))


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    call = library.prctl
    call.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if call(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
