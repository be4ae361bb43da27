"""Which processes belong to a run, and whether they are getting anywhere.

Everything a run starts lives below the launcher, which is a subreaper, so "below" is complete. Which actor a detached
process came from is told by an inherited environment variable (an outside program may change its title, hardly ever
its initial environment). Identity is pid and start time, never pid alone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import psutil

from harness.processes import stat

ACTOR_VARIABLE = "PILEUP_ACTOR"
LAUNCHER_VARIABLE = "PILEUP_LAUNCHER"  # the same for everything that one launcher started


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A process at one moment."""

    pid: int
    parent: int
    created: float
    actor: str
    command: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What a set of processes has consumed; two equal readings some time apart mean that nothing happened between."""

    processes: frozenset[int]
    ticks: int  # user and system CPU time, in clock ticks
    busy: bool  # a thread is running, wants to run, or waits for a disk


class Stillness:
    """Decides that processes can get no further: they sleep, and twelve looks in a row found nothing consumed.

    A thread that is runnable but starved by other load counts as busy, so load makes this slower, not wrong.
    """

    INTERVAL = 0.02  # seconds between two looks

    def __init__(self) -> None:
        self._last: Progress | None = None
        self._equal = 0

    def look(self, now: Progress) -> bool:
        """Take one look; True when nothing has happened for long enough."""
        self._equal = self._equal + 1 if now == self._last and not now.busy else 0
        self._last = now
        return self._equal >= 12


def below(launcher: int) -> tuple[Seen, ...]:
    """Every living process below the launcher, zombies left out."""
    return tuple(seen for pid in sorted(stat.below(launcher)) if (seen := _look(pid)))


def is_below(launcher: int, pid: int) -> bool:
    """Whether this is a living process below the launcher."""
    return any(pid == seen.pid for seen in below(launcher))


def signal_below(launcher: int, pid: int, number: int) -> bool:
    """Signal a process if it is one below the launcher; whether it was reached."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not is_below(launcher, pid):  # asked once we hold it: the pid cannot have been given to another one since
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def marked(value: str) -> tuple[int, ...]:
    """Every process that one launcher started, wherever it is now: what is left to go by when the launcher is dead."""
    wanted, found = f"{LAUNCHER_VARIABLE}={value}".encode(), []
    for pid in stat.snapshot():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - as in stat.py
                environment = file.read().split(b"\0")
        except OSError:
            continue
        if wanted in environment:
            found.append(pid)
    return tuple(found)


def ports(pid: int) -> tuple[int, ...]:
    """The TCP ports that a process listens on."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ()
    return tuple(c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN)


def connected(pid: int, port: int) -> bool:
    """Whether a process has a TCP connection whose own end is this port."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return any(c.laddr.port == port and c.status != psutil.CONN_LISTEN for c in connections)


def progress(pids: Iterable[int]) -> Progress:
    """Read the processes and all their threads (proc(5), /proc/PID/task/TID/stat)."""
    ticks, busy, alive = 0, False, set()
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - polled often
        except OSError:
            continue
        for thread in threads:
            fields = stat.fields(pid, thread)
            if fields and fields[0] not in ("Z", "X"):
                alive.add(pid)
                busy = busy or fields[0] in ("R", "D")
                ticks += int(fields[11]) + int(fields[12])
    return Progress(frozenset(alive), ticks, busy)


def family(roots: Collection[int]) -> frozenset[int]:
    """The processes and all their descendants by parentage."""
    found: set[int] = set()
    new = {root for root in roots if stat.fields(root)}
    while new:
        found |= new
        new = {child for parent in new for child in stat.children(parent)} - found
    return frozenset(found)


def _look(pid: int) -> Seen | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        command = " ".join(process.cmdline()).strip() or process.name()  # a changed title is padded with blanks
        try:
            actor = process.environ().get(ACTOR_VARIABLE, "")
        except psutil.AccessDenied:
            actor = ""
        return Seen(pid=process.pid, parent=process.ppid(), created=process.create_time(), actor=actor, command=command)
    except psutil.NoSuchProcess:
        return None
