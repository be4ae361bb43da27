"""Replacing a file so that every reader sees the old or the new one, and a power cut leaves one of them.

Three things are needed and each is easy to forget: the temporary is unique and in the same folder
(rename(2) does not cross file systems, and two writers must not share one), its data is synced before the
rename (otherwise the new name may point at an empty file), and the folder is synced after it (otherwise the
rename itself may be lost). It refuses to lock: whoever changes a file that others change too takes a lock
first.
"""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_MARK = ".tmp"
_RANDOM = 6  # bytes
_PART = 1 << 20  # bytes read at a time


class naming:
    """Errors of calls on a descriptor name no file by themselves; raised inside `with`, they name this one."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = self._path


def replace(
    path: str,
    data: bytes,
    mode: int = 0o600,
    *,
    owner: tuple[int, int] | None = None,
    before_rename: Callable[[], None] | None = None,
) -> None:
    """Make `path` hold `data`, durably, or leave it as it was.

    `owner` is the user and the group whose it shall be, as far as we may say so; by default those whose it was, as who
    works as root on a person's state must not take it away. `before_rename` is called once nothing but the rename can
    fail. Raises OSError of the call that failed, always with a filename. When only the folder's sync fails, `path`
    holds `data` already, but not durably.
    """
    folder, name = os.path.split(path)
    temporary = temporary_name(folder, name)
    try:
        with naming(path):
            _write_new(temporary, data, mode, owner or _owner(path))
            if before_rename is not None:
                before_rename()
            os.rename(temporary, path)
    except BaseException:  # a signal too: nothing of ours stays behind
        discard(temporary)
        raise
    sync_folder(folder or ".")


def temporary_name(folder: str, name: str) -> str:
    """A name that no other process and no earlier call uses; `writer_of` recognises it."""
    return os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(_RANDOM).hex()}{_MARK}")


def writer_of(entry: str) -> int | None:
    """The pid in such a name, left by a crash or still being written; None for anybody else's."""
    import re

    found = re.fullmatch(rf"\..+\.(\d+)\.[0-9a-f]{{{2 * _RANDOM}}}\{_MARK}", entry, re.ASCII | re.DOTALL)
    return int(found[1]) if found else None


def write_all(descriptor: int, data: bytes) -> None:
    """write(2) until everything is written; it may stop short when the disk is nearly full."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def exists(path: str) -> bool:
    """Whether anything has this name, a link into nowhere included. Raises OSError where that cannot be seen."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def real_path(path: str) -> str:
    """Where a file really lies: one that is a symbolic link stays a link when that is replaced."""
    return os.path.realpath(path) if os.path.islink(path) else path


def read(path: str) -> bytes:
    """The whole file. Raises OSError, also for what is no file: a pipe is refused, as nobody may ever write to it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with naming(path):
            check_regular(os.fstat(descriptor))
            parts = []
            while part := os.read(descriptor, _PART):
                parts.append(part)
            return b"".join(parts)
    finally:
        os.close(descriptor)


def check_regular(status: os.stat_result) -> None:
    """Raises OSError for what is no file: from a pipe or a device nothing may ever come, or too much."""
    if not stat.S_ISREG(status.st_mode):
        number = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.ENXIO  # as open(2) says of a socket
        raise OSError(number, os.strerror(number))


def sync_folder(folder: str) -> None:
    """Make renames and new entries in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with naming(folder):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: str, data: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        if owner is not None and owner != (os.geteuid(), os.getegid()):
            _give(descriptor, *owner)
        os.fchmod(descriptor, mode)  # the umask has no say: a secret is 0600, a shared file stays shared
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _owner(path: str) -> tuple[int, int] | None:
    try:
        now = os.lstat(path)  # of what is replaced: were it a link, not of what it leads to
    except OSError:
        return None  # there is none; or it cannot be seen, and then the rename says why
    return now.st_uid, now.st_gid


def _give(descriptor: int, user: int, group: int) -> None:
    try:
        os.fchown(descriptor, user, group)
    except PermissionError:
        return  # only root may give a file away, and others only to groups that they are in


def discard(path: str) -> None:
    """Remove a temporary, if it is there."""
    try:
        os.unlink(path)
    except OSError:
        return  # never made, or already renamed; `doctor` removes what a full disk or a crash leaves
