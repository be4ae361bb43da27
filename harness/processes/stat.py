"""Reads /proc/PID/stat (proc(5)): state, parent, times. Small enough for the launcher; it knows nothing of actors."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

KNOWS_CHILDREN = os.path.exists("/proc/thread-self/children")  # noqa: PTH110 - a kernel without CONFIG_PROC_CHILDREN
_PF_EXITING = 0x4  # linux/sched.h
_SIGKILL = 1 << (signal.SIGKILL - 1)
_ROUNDS = 10  # more only if everything forks as fast as we read


def fields(pid: int, thread: str | None = None) -> list[str] | None:
    """The fields from the state on (field 3 of proc(5) is the first here), or None when the process is gone."""
    path = f"/proc/{pid}/task/{thread}/stat" if thread else f"/proc/{pid}/stat"
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs start-up time, and this is polled often
            return file.read().decode(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def parent(pid: int) -> int:
    """A process's, or thread's, parent (field 4). 0 when it is gone."""
    found = fields(pid)
    return int(found[1]) if found else 0


def is_dying(thread: int) -> bool:
    """Whether a thread has ended, is about to, or was sent a signal that ends its process without a handler.

    Such a signal leaves a SIGKILL with each thread at once (kernel/signal.c, complete_signal), which field 31 shows.
    From the first moment of its end on, field 9 has PF_EXITING.
    """
    found = fields(thread)
    return found is None or bool(int(found[6]) & _PF_EXITING or int(found[28]) & _SIGKILL)


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal (SigCgt of /proc/PID/status); not where that cannot be told."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - as above
            caught = next((line.split()[1] for line in file if line.startswith("SigCgt:")), "0")
    except OSError:
        return False
    return bool(int(caught, 16) >> (number - 1) & 1)


def start_time(pid: int) -> int:
    """A process's start time in clock ticks since boot (field 22): with the pid, its identity. 0 when it is gone."""
    found = fields(pid)
    return int(found[19]) if found else 0


def queued(pid: int) -> float:
    """Seconds in which a process could have run, and others had the processors; zombies still tell.

    Of its first thread (/proc/PID/schedstat, the second number). 0.0 for one that is gone, or where the kernel does not
    keep it.
    """
    return _schedstat(pid, 1)


def worked(pid: int) -> float:
    """Seconds that a process's first thread has been on a processor (the first number). 0.0 as for `queued`."""
    return _schedstat(pid, 0)


def _schedstat(pid: int, number: int) -> float:
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:  # noqa: PTH123 - as above
            return int(file.read().split()[number]) / 1e9
    except (OSError, IndexError):
        return 0.0


def children(pid: int) -> set[int]:
    """The children of a process (proc(5), /proc/PID/task/TID/children), empty when it is gone.

    Cheap, and enough to look whether something happens; one that ends or is adopted in this moment may be missing.
    """
    if not KNOWS_CHILDREN:
        return {child for child, (parent, _) in snapshot().items() if parent == pid}
    found: set[int] = set()
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return found
    for thread in threads:
        with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
            found.update(map(int, file.read().split()))
    return found


def below(ancestor: int) -> dict[int, int]:
    """Every descendant, zombies included: its start time by pid.

    Two walks down the lists of children that find the same leave none out. A child that had moved between two lists as
    they were read has left a parent that is dying, or gone, and was neither a walk before; and the kernel leaves one
    out only where another, that the list has named, is gone (fs/proc/array.c, get_children_pid).
    """
    if not KNOWS_CHILDREN:
        return _descendants(snapshot(), ancestor)
    before, found = None, _walk(ancestor)  # one walk that finds nothing is not two
    for _ in range(_ROUNDS):
        if found == before:
            break
        before, found = found, _walk(ancestor)
    alive = {pid: start for pid, (start, _, _) in found.items() if start}
    # Of a chain of which each begins the next and ends, all that the walks have met may be gone already.
    return alive or _descendants(snapshot(), ancestor)


def _walk(ancestor: int) -> dict[int, tuple[int, bool, int]]:
    """Every descendant: start time, 0 for one that was gone; whether it was dying; how many threads it had."""
    found: dict[int, tuple[int, bool, int]] = {}
    unread = children(ancestor)
    while unread:
        pid = unread.pop()
        unread |= children(pid) - found.keys()
        now = fields(pid)  # after its children: those that have just left it show by its state
        found[pid] = (int(now[19]), now[0] in "ZX", int(now[17])) if now else (0, True, 0)
    return found


def _descendants(processes: dict[int, tuple[int, int]], ancestor: int) -> dict[int, int]:
    found: dict[int, int] = {}
    roots = {ancestor}
    while roots:
        roots = {pid for pid, (parent, _) in processes.items() if parent in roots and pid not in found}
        found |= {pid: processes[pid][1] for pid in roots}
    return found


def snapshot() -> dict[int, tuple[int, int]]:
    """Every process: its parent and its start time.

    /proc is not read in one moment: while we read, a process may fork and end, and its child be adopted. So what is
    new, and whose parent is not there any more, is read in further rounds; nothing below a subreaper is missed.
    """
    processes: dict[int, tuple[int, int]] = {}
    for _ in range(_ROUNDS):
        strayed = {pid for pid, (parent, _) in processes.items() if parent not in processes}
        unread = ({int(entry) for entry in os.listdir("/proc") if entry.isdigit()} - processes.keys()) | strayed  # noqa: PTH208
        before = dict(processes)
        for pid in unread:
            processes.pop(pid, None)
            if found := fields(pid):
                processes[pid] = (int(found[1]), int(found[19]))
        if processes == before:
            break
    return processes
