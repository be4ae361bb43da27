"""Carries out a stopped rename in its caller's place, so that the moment of its effect is known.

It refuses whenever the outcome could differ from the caller's own: other credentials, another root or mount
namespace, a path through /proc. The caller then runs the call itself. Not seen from outside: a Landlock ruleset of
the caller, which would not bind us.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from harness.conductor import kernel
from harness.conductor.calls import Kind
from harness.conductor.operands import Operand
from harness.conductor.paths import AT_FDCWD

NAMES = frozenset({"rename", "renameat", "renameat2"})
_CREDENTIALS = ("Uid:", "Gid:", "Groups:", "CapEff:")  # lines of /proc/PID/status (proc(5))
_THE_CALLERS_OWN = ("/proc", "/dev/fd", "/dev/std")  # lead elsewhere for each process that asks
_SAME_OBJECTS = ("root", "ns/mnt", "ns/user")


def carry_out(kind: Kind, thread: int, args: Sequence[int], operands: Sequence[Operand]) -> int | None:
    """Rename as the stopped thread would. Gives the errno, 0 for success; None when only the thread itself can tell."""
    if kind.name not in NAMES or len(operands) != 2 or not _same_world(thread):
        return None
    texts = [operand.text for operand in operands]
    if any(text is None or text.startswith(_THE_CALLERS_OWN) for text in texts):
        return None
    flags = args[4] & 0xFFFFFFFF if kind.name == "renameat2" else 0
    with ExitStack() as stack:
        try:
            old, new = (_directory(stack, thread, operand) for operand in operands)
        except OSError:  # a bad descriptor: the kernel has its own order of complaints
            return None
        return kernel.rename(old, os.fsencode(texts[0] or ""), new, os.fsencode(texts[1] or ""), flags)


def _directory(stack: ExitStack, thread: int, operand: Operand) -> int:
    """A descriptor of ours for the directory where the operand's text starts. Raises OSError."""
    if (operand.text or "").startswith("/"):
        return -1  # not looked at for an absolute path
    where = "cwd" if operand.descriptor == AT_FDCWD else f"fd/{operand.descriptor}"
    descriptor = os.open(f"/proc/{thread}/{where}", os.O_PATH | os.O_CLOEXEC)
    stack.callback(os.close, descriptor)
    return descriptor


def _same_world(thread: int) -> bool:
    """Whether the thread has our rights and sees our files under our names."""
    try:
        if _credentials(f"/proc/{thread}/status") != _credentials("/proc/self/status"):
            return False
        return all(Path(f"/proc/{thread}/{name}").samefile(f"/proc/self/{name}") for name in _SAME_OBJECTS)
    except OSError:
        return False


def _credentials(status: str) -> list[list[str]]:
    lines = Path(status).read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.split() for line in lines if line.startswith(_CREDENTIALS)]
