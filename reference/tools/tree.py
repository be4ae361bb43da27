"""All descendants of a process, and how to end them until none is left.

A process that has called `become_subreaper` keeps every descendant in its tree: those that change their
session and those whose parents die (double fork) included. So "no children left" means "no descendants left".
Signals go to a pidfd whose start time was checked, never to a bare pid.
"""

from __future__ import annotations

import os
import signal
from time import monotonic

from reference import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

KILL_SECONDS = 5.0  # what SIGKILL does not end within this time is stuck in the kernel, or not ours
_LOOK_AGAIN = 0.05  # seconds; a grandchild's fork or end sends us no signal


class Process:
    """A process as it was seen in /proc; dead means that it waits to be collected."""

    __slots__ = ("group", "is_dead", "name", "parent", "pid", "started")

    def __init__(self, *, pid: int, parent: int, group: int, started: int, name: str, is_dead: bool) -> None:
        self.pid = pid
        self.parent = parent
        self.group = group
        self.started = started
        self.name = name
        self.is_dead = is_dead

    @property
    def identity(self) -> tuple[int, int]:
        return self.pid, self.started

    def send(self, number: int) -> None:
        """Signal exactly this process; nothing happens if it has ended or is not ours to signal."""
        try:
            descriptor = identity.signal_process(self.pid, self.started, identity.boot_id(), number)
        except PermissionError:
            return
        if descriptor is not None:
            os.close(descriptor)


def descendants(root: int, without: Collection[int] = ()) -> list[Process]:
    """The live descendants of `root`, zombies left out; `without` are children not to be followed."""
    family: dict[int, list[Process]] = {}
    for process in _processes():
        if not process.is_dead:
            family.setdefault(process.parent, []).append(process)
    found = [child for child in family.get(root, ()) if child.pid not in without]
    for process in found:  # grows while it is read: breadth first
        found += family.get(process.pid, ())
    return found


def holding(path: str) -> list[Process]:
    """The live processes that have this file open, and their descendants; never ourselves."""
    try:
        wanted = os.stat(path)
    except FileNotFoundError:
        return []
    found: dict[int, Process] = {}
    for process in _processes():
        if not process.is_dead and process.pid != os.getpid() and _has_open(process.pid, wanted):
            found.update((each.pid, each) for each in (process, *descendants(process.pid)))
    return list(found.values())


def children(root: int) -> list[int]:
    """The pids of the children of `root`, the dead that nobody has collected included."""
    return [process.pid for process in _processes() if process.parent == root]


def collect(pid: int) -> bool:
    """Collect this child if it has ended; whether it is gone."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def take_down(
    look: Callable[[], list[Process]],
    reap: Callable[[], bool],
    wait: Callable[[float], None],
    grace: float,
    group: Callable[[], int] = lambda: 0,
) -> list[Process]:
    """End what `look` finds: SIGTERM, `grace` seconds, then SIGKILL until none is left; all that was found.

    `reap` collects the dead and says whether any child is left; `wait` waits so long, or until a child
    ends; `group` is a process group whose number cannot be given out again, or 0. It is signalled as one,
    which no fork can escape, while a chain of processes that fork and end outruns any list. Gives up after
    KILL_SECONDS of SIGKILL; `look` then still finds what survived.
    """
    found: dict[tuple[int, int], Process] = {}
    end = monotonic() + grace
    while reap() and monotonic() < end:
        fresh = [process for process in look() if process.identity not in found]
        together = 0 if found else group()
        for number in (signal.SIGTERM, signal.SIGCONT):  # a stopped process takes SIGTERM only when continued
            _signal(fresh, number, together)
        found.update((process.identity, process) for process in fresh)
        wait(min(_LOOK_AGAIN, max(end - monotonic(), 0.0)))
    end = monotonic() + KILL_SECONDS
    while reap() and monotonic() < end:
        left = look()
        found.update((process.identity, process) for process in left)
        _signal(left, signal.SIGKILL, group())
        wait(_LOOK_AGAIN)
    return list(found.values())


def signal_group(group: int, number: int) -> None:
    """Signal a process group as one; it may be empty."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _signal(processes: list[Process], number: int, group: int) -> None:
    if group:
        signal_group(group, number)
    for process in processes:
        if not group or process.group != group:
            process.send(number)


def _has_open(pid: int, wanted: os.stat_result) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        return any(os.path.samestat(os.stat(f"{folder}/{name}"), wanted) for name in os.listdir(folder))
    except OSError:  # it has ended, has closed it just now, or is somebody else's
        return False


def _processes() -> list[Process]:
    entries = (_process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in entries if process is not None]


def _process(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in brackets and may hold any byte, brackets included: count from the last one.
    name, _, rest = stat.partition(b"(")[2].rpartition(b")")
    fields = rest.split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        group=int(fields[2]),
        started=int(fields[19]),
        name=name.decode(errors="replace"),
        is_dead=fields[0] in (b"Z", b"X"),
    )
