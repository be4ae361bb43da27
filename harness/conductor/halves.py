"""Carries out the first half of a call that moves data into a file, in its caller's place.

That is what a nearly full disk makes of it (write(2), copy_file_range(2), sendfile(2), splice(2)). It goes through the
caller's own open file descriptions, so that their positions move, and offsets in the caller's memory are advanced.

What is written over bytes that are there needs no space, and the kernel copies it page by page
(generic_perform_write in mm/filemap.c): it can end between two pages, and nowhere else.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import termios
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from harness.conductor import kernel, operands
from harness.conductor.operands import PAGE
from harness.conductor.paths import open_file, position
from harness.conductor.stopped import StoppedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """Where the arguments of a call stand that copies into a file; an offset may be given by address."""

    source: int
    source_offset: int
    target: int
    target_offset: int | None = None
    size: int


_COPIES = {
    "copy_file_range": _Copy(source=0, source_offset=1, target=2, target_offset=3, size=4),
    "sendfile": _Copy(source=1, source_offset=2, target=0, size=3),
    "splice": _Copy(source=0, source_offset=1, target=2, target_offset=3, size=4),
}


def size(call: StoppedCall) -> int:
    """How many bytes the call will move at most; 0 for one that moves none into a file, or cannot."""
    with suppress(OSError):
        if copy := _COPIES.get(call.kind.name):
            return _left(call, copy)
        return sum(length for _, length in operands.memory_written(call.kind, call.thread, call.args))
    return 0


def half(call: StoppedCall) -> int:
    """How many bytes its first half has; 0 for a call of which no part can be carried out."""
    whole = size(call)
    if whole < 2 or call.kind.name in _COPIES:
        return whole // 2
    with suppress(OSError):
        start = _overwritten_from(call, whole)
        if start is not None:
            ends = range(PAGE - start % PAGE, whole, PAGE)
            return ends[len(ends) // 2] if ends else 0
    return whole // 2


def move_half(call: StoppedCall) -> int | None:
    """Move half of it; how many bytes that were. None for a call of which no part can be moved, or that is gone.

    Raises OSError.
    """
    first = half(call)
    if not first or not call.waits():
        return None
    copy = _COPIES.get(call.kind.name)
    return _copied(call, copy, first) if copy else _written(call, first)


def _overwritten_from(call: StoppedCall, count: int) -> int | None:
    """The offset of a write over bytes that are there; None for one that makes its file longer. Raises OSError."""
    facts = open_file(call.thread, call.args[0]).stat()
    offset, flags = position(call.thread, call.args[0] & 0xFFFFFFFF)
    if call.kind.name.startswith("p") and call.args[3] < 1 << 63:  # pwritev2 takes -1 for "where it stands"
        offset = call.args[3]
    appends = flags & os.O_APPEND or (call.kind.name == "pwritev2" and call.args[5] & os.RWF_APPEND)
    grows = bool(appends) or offset + count > facts.st_size
    return None if grows or not stat.S_ISREG(facts.st_mode) else offset


def _written(call: StoppedCall, count: int) -> int:
    data = call.data(most=count)
    with ExitStack() as stack:
        descriptor = _borrowed(call, 0, stack)
        if call.kind.name == "pwritev2":
            offset = call.args[3] - (1 << 64 if call.args[3] >= 1 << 63 else 0)  # -1 is for "where it stands"
            return os.pwritev(descriptor, [data], offset, call.args[5])
        if call.kind.name.startswith("p"):
            return os.pwrite(descriptor, data, call.args[3])
        return os.write(descriptor, data)


def _copied(call: StoppedCall, copy: _Copy, count: int) -> int | None:
    """None where the kernel refuses it, as it will refuse the whole: other filesystems, a file that is appended to."""
    places = (copy.source_offset, copy.target_offset)
    here, there = (_offset(call, place) for place in places)
    with suppress(OSError), ExitStack() as stack:
        source, target = (_borrowed(call, argument, stack) for argument in (copy.source, copy.target))
        if call.kind.name == "sendfile":
            moved = os.sendfile(target, source, here, count)
        elif call.kind.name == "splice":  # from a pipe, which somebody may empty meanwhile: never wait for more
            moved = os.splice(source, target, count, None, there, os.SPLICE_F_NONBLOCK)
        else:
            moved = os.copy_file_range(source, target, count, here, there)
        for place, offset in zip(places, (here, there), strict=True):
            if place is not None and offset is not None:
                kernel.write_memory(call.thread, call.args[place], (offset + moved).to_bytes(8, "little"))
        return moved
    return None


def _left(call: StoppedCall, copy: _Copy) -> int:
    """How much of what is to be copied there is. Raises OSError."""
    facts = open_file(call.thread, call.args[copy.source]).stat()
    if call.kind.name == "splice" and stat.S_ISFIFO(facts.st_mode):
        return min(call.args[copy.size], _in_pipe(call, copy.source))
    if not stat.S_ISREG(facts.st_mode):
        return 0
    offset = _offset(call, copy.source_offset)
    begin = position(call.thread, call.args[copy.source] & 0xFFFFFFFF)[0] if offset is None else offset
    return max(0, min(call.args[copy.size], facts.st_size - begin))


def _in_pipe(call: StoppedCall, argument: int) -> int:
    """How many bytes stand in a pipe: FIONREAD of pipe(7). Raises OSError."""
    with ExitStack() as stack:
        count = fcntl.ioctl(_borrowed(call, argument, stack), termios.FIONREAD, bytes(4))
    return int.from_bytes(count, sys.byteorder)


def _offset(call: StoppedCall, argument: int | None) -> int | None:
    """The offset that an argument points to; None for where the descriptor stands. Raises OSError."""
    if argument is None or not call.args[argument]:
        return None
    return int.from_bytes(operands.read_memory(call.thread, call.args[argument], 8), "little")


def _borrowed(call: StoppedCall, argument: int, stack: ExitStack) -> int:
    """A copy of the caller's descriptor, for as long as the stack is open. Raises OSError."""
    descriptor = kernel.borrow_from_thread(call.thread, call.args[argument] & 0xFFFFFFFF)
    stack.callback(os.close, descriptor)
    return descriptor
