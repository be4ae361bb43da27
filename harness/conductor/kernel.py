"""The kernel interface that Python's standard library lacks: the only file with ctypes in it.

What a listener says, once a filter is in force, and how it is answered: `notifications`.
Sources: seccomp(2), prctl(2), pidfd_getfd(2), linux/seccomp.h. Numbers are those of x86-64; on
any other machine `supported()` says no and the caller falls back, visibly.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import select
import signal
import struct
from collections.abc import Iterable
from contextlib import suppress

_libc = ctypes.CDLL(None, use_errno=True)
_signal, _sigprocmask = _libc.signal, _libc.sigprocmask  # looked up before any fork, whose pages it would cost

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_CHILD_SUBREAPER = 36
_SYS_RENAMEAT2 = 316
_SYS_PROCESS_VM_READV = 310
_SYS_RT_SIGQUEUEINFO = 129
_SYS_SECCOMP = 317
_SYS_PIDFD_GETFD = 438
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_GET_ACTION_AVAIL = 2
_SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3
_SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 1 << 5
_SECCOMP_RET_USER_NOTIF = 0x7FC00000

_VECTOR = struct.Struct("=QQ")  # iovec: base, length
_SIG_SETMASK = 2
_SI_TIMER = -2  # asm-generic/siginfo.h
_SIGINFO = struct.Struct("=iii116x")  # siginfo_t: number, errno, code
_NO_SIGNALS = bytes(128)  # sigset_t
_ONE, _NO_FLAGS = ctypes.c_ulong(1), ctypes.c_ulong(0)
_PIDFD_THREAD = os.O_EXCL  # Linux 6.9


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def supported() -> bool:
    """Whether a supervisor can be notified here at all (an install may still be refused)."""
    return not obstacle()


def obstacle() -> str:
    """Why no supervisor can be notified on this kernel and machine, in words; "" if one can."""
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        return f"{platform.system()} on {platform.machine()} offers no system call notifications"
    action = ctypes.c_uint32(_SECCOMP_RET_USER_NOTIF)
    if _libc.syscall(_SYS_SECCOMP, _SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action)) != 0:
        return f"no system call notifications can be had: seccomp: {os.strerror(ctypes.get_errno())}"
    return _cannot_borrow()


def _cannot_borrow() -> str:
    """Why descriptors of processes cannot be copied, by which listeners and sockets are had; "" if they can.

    Docker's own filter forbids it where CAP_SYS_PTRACE is missing.
    """
    try:
        pidfd = os.pidfd_open(os.getpid())
    except OSError as error:
        return f"pidfd_open: {error.strerror}"
    try:
        os.close(borrow_descriptor(pidfd, pidfd))
    except OSError as error:
        return str(error.strerror)  # names the call
    finally:
        os.close(pidfd)
    return ""


def become_subreaper() -> None:
    """Orphaned descendants become children of this process instead of init's. Raises OSError."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER")


def die_with_parent(number: int) -> None:
    """This process gets signal `number` when the thread that forked it ends. Raises OSError."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0), "PR_SET_PDEATHSIG")


def default_signals(numbers: Iterable[int]) -> None:
    """These signals get their default effect, and none is blocked.

    By the C library: the `signal` module makes enumerations of all numbers, which costs a fork more than the calls.
    """
    for number in numbers:
        _signal(int(number), None)
    _sigprocmask(_SIG_SETMASK, _NO_SIGNALS, None)


def install_filter(program: bytes, *, interruptible: bool = False) -> int:
    """Install a filter on the calling thread and return its listener (close-on-exec). Raises OSError.

    A signal would interrupt a stopped call with EINTR, which a file system never gives; so the wait is made killable
    only, where the kernel can (5.19), unless it is to be `interruptible`. EBUSY means that a listener is in force
    already, as inside some sandboxes.
    """
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    descriptor = ctypes.byref(_Program(len(program) // 8, program))
    flags = _SECCOMP_FILTER_FLAG_NEW_LISTENER
    if not interruptible:
        killable = flags | _SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
        listener = _libc.syscall(_SYS_SECCOMP, _SECCOMP_SET_MODE_FILTER, killable, descriptor)
        if listener >= 0 or ctypes.get_errno() != errno.EINVAL:
            return _check(listener, "seccomp")
    return _check(_libc.syscall(_SYS_SECCOMP, _SECCOMP_SET_MODE_FILTER, flags, descriptor), "seccomp")


def rename(old_directory: int, old: bytes, new_directory: int, new: bytes, flags: int) -> int:
    """renameat2(2) with the flags that the standard library lacks. Gives the errno, 0 for success."""
    if _libc.syscall(_SYS_RENAMEAT2, old_directory, old, new_directory, new, flags) == 0:
        return 0
    return ctypes.get_errno()


def borrow_descriptor(pidfd: int, number: int) -> int:
    """Duplicate another process's descriptor into this one (pidfd_getfd). Raises OSError."""
    return _check(_libc.syscall(_SYS_PIDFD_GETFD, pidfd, number, 0), "pidfd_getfd")


def read_memory(thread: int, address: int, size: int) -> bytes:
    """Bytes of another thread's memory, fewer where its mapping ends (process_vm_readv(2)). Raises OSError.

    A kernel or a sandbox without that call is read through /proc/TID/mem, which takes three calls.
    """
    buffer = ctypes.create_string_buffer(size)
    ours, theirs = _VECTOR.pack(ctypes.addressof(buffer), size), _VECTOR.pack(address, size)
    read = _libc.syscall(_SYS_PROCESS_VM_READV, thread, ours, _ONE, theirs, _ONE, _NO_FLAGS)
    if read >= 0:
        return ctypes.string_at(buffer, read)
    if ctypes.get_errno() not in (errno.ENOSYS, errno.EPERM):
        _check(read, "process_vm_readv")
    descriptor = os.open(f"/proc/{thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, address)
    finally:
        os.close(descriptor)


def write_memory(thread: int, address: int, data: bytes) -> None:
    """Put bytes into another thread's memory. Raises OSError."""
    descriptor = os.open(f"/proc/{thread}/mem", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, data, address)
    finally:
        os.close(descriptor)


def borrow_from_thread(thread: int, number: int) -> int:
    """A copy of a descriptor of a thread: the same open file, offset and status flags included.

    Raises OSError: EBADF for a descriptor that it does not have, ESRCH when it is gone, EPERM where attaching to it
    is forbidden (ptrace(2), "Ptrace access mode checking").
    """
    pidfd = _open_thread(thread)
    try:
        return borrow_descriptor(pidfd, number)
    finally:
        os.close(pidfd)


def _open_thread(thread: int) -> int:
    """A pidfd of the thread itself, or of its process on kernels that know no other: its table is then the same,
    unless a thread has unshared it (CLONE_FILES).
    """
    try:
        return os.pidfd_open(thread, _PIDFD_THREAD)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return os.pidfd_open(thread_group(thread))


def thread_group(thread: int) -> int:
    """The process that a thread belongs to. Raises OSError when it is gone."""
    with open(f"/proc/{thread}/status", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("Tgid:"):
                group = int(line.split()[1])
                if group == 0:  # it was taken away between the opening of the file and the reading of this line
                    raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH), str(thread))
                return group
    raise ValueError(f"no Tgid of thread {thread}")


def threads(thread: int) -> int:
    """How many threads the process of this one has: each is a folder in /proc/PID/task (proc(5)); 0 when it is gone."""
    with suppress(OSError):
        return os.stat(f"/proc/{thread}/task").st_nlink - 2  # noqa: PTH116 - asked at every call
    return 0


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return int(result)


def expire_timer(process: int) -> None:
    """Send a process SIGALRM as a timer of its own would (rt_sigqueueinfo(2)): flock(1) asks where it comes from.

    One that is gone gets none. Raises OSError.
    """
    info = _SIGINFO.pack(signal.SIGALRM, 0, _SI_TIMER)
    sent = _libc.syscall(_SYS_RT_SIGQUEUEINFO, process, int(signal.SIGALRM), info)
    if sent < 0 and ctypes.get_errno() != errno.ESRCH:
        _check(sent, "rt_sigqueueinfo")


def await_end(process: int, seconds: float) -> None:
    """Wait until a process has ended with all that it had open, at most so long.

    Since Linux 6.11 a listener hangs up before that: do_exit lets go of the filter, and then of files and their locks.
    """
    with suppress(OSError):  # it has ended, and was waited for
        pidfd = os.pidfd_open(process)
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            poll.poll(1000 * seconds)
        finally:
            os.close(pidfd)
