"""The seccomp program: stops the chosen calls, refuses io_uring and its elder, lets everything else run at full speed.

Classic BPF over `struct seccomp_data` (linux/seccomp.h): a filter sees registers, never memory, so paths are decided
by the supervisor; what registers can decide (open flags, the command of a lock, a null address) is decided here,
because a stop costs a thousand times more than a jump.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Collection

from harness.conductor.calls import IO_SETUP, IO_URING_SETUP, KINDS, Family, Kind
from harness.conductor.notifications import ARCH, X32_BIT

_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _NOTIFY, _ERRNO = 0x7FFF0000, 0x7FC00000, 0x00050000
_NEGATIVE = 0x80000000
_NUMBER, _ARCH, _ARGS = 0, 4, 16  # offsets into seccomp_data

Step = tuple[int, int, int, int]  # code, jump if true, jump if false, operand
_READERS = frozenset({Family.READ, Family.LOOKUP})
_STOP: list[Step] = [(_RET, 0, 0, _NOTIFY)]


def program(families: Collection[Family]) -> bytes:
    """The filter that stops every call of these families, as the kernel wants it (struct sock_filter[])."""
    steps: list[Step] = [
        (_LD, 0, 0, _ARCH),
        (_JEQ, 1, 0, ARCH),
        (_RET, 0, 0, _NOTIFY),  # 32-bit entry points have other numbers: the supervisor refuses them, and says so
        (_LD, 0, 0, _NUMBER),
        (_JGE, 0, 1, _NEGATIVE),
        (_RET, 0, 0, _ERRNO | errno.ENOSYS),  # as the kernel says to what a program calls that its headers do not know
        (_JGE, 0, 1, X32_BIT),
        (_RET, 0, 0, _NOTIFY),
        (_JEQ, 0, 1, IO_URING_SETUP),
        (_RET, 0, 0, _ERRNO | errno.EPERM),
        (_JEQ, 0, 1, IO_SETUP),
        (_RET, 0, 0, _ERRNO | errno.ENOSYS),  # as a kernel without it says (CONFIG_AIO): programs do without, then
    ]
    for kind in KINDS:
        reads = kind.may_read and not _READERS.isdisjoint(families)
        if kind.family in families or reads:
            body = _STOP if reads else _body(kind)
            steps += [(_JEQ, 0, len(body), kind.number), *body]
    steps.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _body(kind: Kind) -> list[Step]:
    """What happens to one call once its number has matched; every branch returns."""
    if kind.only_flags:
        argument, mask = kind.only_flags
        return [(_LD, 0, 0, _low(argument)), (_JSET, 0, 1, mask), (_RET, 0, 0, _NOTIFY), (_RET, 0, 0, _ALLOW)]
    if kind.unless_flags:
        argument, mask = kind.unless_flags
        return [(_LD, 0, 0, _low(argument)), (_JSET, 0, 1, mask), (_RET, 0, 0, _ALLOW), (_RET, 0, 0, _NOTIFY)]
    if kind.only_values:
        argument, values = kind.only_values
        tests = [(_JEQ, len(values) - i, 0, value) for i, value in enumerate(values)]
        return [(_LD, 0, 0, _low(argument)), *tests, (_RET, 0, 0, _ALLOW), (_RET, 0, 0, _NOTIFY)]
    if kind.only_nonzero is not None:
        low = _low(kind.only_nonzero)
        return [
            (_LD, 0, 0, low),
            (_JEQ, 0, 3, 0),
            (_LD, 0, 0, low + 4),
            (_JEQ, 0, 1, 0),
            (_RET, 0, 0, _ALLOW),
            (_RET, 0, 0, _NOTIFY),
        ]
    return _STOP


def _low(argument: int) -> int:
    """The offset of an argument's low half on a little-endian machine."""
    return _ARGS + 8 * argument
