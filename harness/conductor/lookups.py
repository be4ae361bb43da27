"""Answers a target's openings of the files in which host names are looked up, with files of our own.

A filter sees no paths, so every opening for reading stops for this (Family.LOOKUP); what is not one of the three
files goes on after one look at its last component. The caller's descriptor is made by the kernel in the same step as
the answer (SECCOMP_IOCTL_NOTIF_ADDFD with SEND, seccomp_unotify(2)). A link of another name to one of these files is
not noticed: the caller then reads the machine's own.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

from harness.conductor import calls, notifications, operands
from harness.conductor.notifications import Notification
from harness.conductor.operands import CALLERS_OWN_FAULT

_OPENS = {"open": 0, "openat": 1, "openat2": 1}  # where the path stands
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_LOOK = 256  # bytes of a path that are read at first: few are longer
_NOT_READING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_DIRECTORY | os.O_PATH


class Lookups:
    """The files, by real path. One for a run; it holds a descriptor for each until it is closed."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = {path: _in_memory(path, content) for path, content in files.items()}
        # A caller names the file itself, or the end of a chain of links to it.
        names = {Path(path).name for path in (*files, "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf")}
        self._endings = tuple(os.fsencode(name) for name in names)

    def close(self) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}

    def take(self, listener: int, stopped: Notification) -> bool:
        """Answer an opening for reading of one of the files. False for every other call, which must still be decided.

        Raises OSError when we have no descriptor left.
        """
        kind = calls.BY_NUMBER[stopped.number]
        place = _OPENS.get(kind.name)
        if place is None or not _text(stopped, place).endswith(self._endings):  # asked of every opening there is
            return False
        try:
            source = self._files.get(operands.operands(kind, stopped.thread, stopped.args)[0].path)
            flags = operands.open_flags(kind, stopped.thread, stopped.args) or 0
        except OSError as error:
            if error.errno not in CALLERS_OWN_FAULT:
                raise
            return False
        if source is None or flags & _NOT_READING or not notifications.still_waits(listener, stopped.id):
            return False
        _hand_over(listener, stopped.id, source, close_on_exec=bool(flags & os.O_CLOEXEC))
        return True


def _in_memory(path: str, content: bytes) -> int:
    """A descriptor of a file that nobody can change any more."""
    descriptor = os.memfd_create(Path(path).name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)  # a mode would not bind a privileged caller
    return descriptor


def _hand_over(listener: int, id_: int, source: int, *, close_on_exec: bool) -> None:
    ours = os.open(f"/proc/self/fd/{source}", os.O_RDONLY | os.O_CLOEXEC)  # with an offset of its own
    try:
        notifications.answer_with_file(listener, id_, ours, close_on_exec=close_on_exec)
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        notifications.answer(listener, id_, -1, errno.EMFILE)  # the caller's own limit
    finally:
        os.close(ours)


def _text(stopped: Notification, place: int) -> bytes:
    """The path that the call names, or b"" when the kernel will refuse the call itself. Raises OSError."""
    thread, address = stopped.thread, stopped.args[place]
    try:
        data = operands.read_memory(thread, address, min(_LOOK, operands.PAGE - address % operands.PAGE))
        return data.split(b"\0", 1)[0] if b"\0" in data else os.fsencode(operands.read_text(thread, address))
    except OSError as error:
        if error.errno in CALLERS_OWN_FAULT:
            return b""
        raise
