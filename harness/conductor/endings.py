"""Chooses the moment in which a child ends, so that its SIGCHLD does not meet its parent's call before we do.

A signal interrupts a stopped call until it has been taken (`Supervisor`). A shell forks and opens while its children
end, and dash then says "Cannot fork". So the end of every process stops, and where its parent catches SIGCHLD it is
let go only while the parent sleeps, or once a call of the parent has been taken, or when the parent has gone on for
long: it may spin until its child is gone. Then the process is waited for, and whatever stops meanwhile is taken at
once. Who is killed does not stop; that, and other signals, `Supervisor` notices afterwards.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from harness.conductor import kernel, notifications, operands
from harness.processes import quiet, stat

_AGAIN_SECONDS = 0.001  # until a parent that runs is looked at again
# Of processor time in which a program makes a call or sleeps, unless it waits for its child. A fork spins while others
# have a lock of the kernel's: for tens of milliseconds, where the host has taken a virtual processor away meanwhile.
_SPINS_SECONDS = 0.1
_MOST_SECONDS = 1.0  # where the kernel does not tell that time
_DYING_SECONDS = 0.5  # that a process takes to end on a busy machine: a tenth of a millisecond, else


@dataclass(frozen=True, slots=True)
class _End:
    """A process that waits to end."""

    id: int  # of its notification
    process: int
    parent: int
    worked: float  # seconds that its parent had been on a processor
    since: float  # monotonic


class Endings:
    """The ends of the processes under one listener."""

    def __init__(
        self,
        listener: int,
        ear: notifications.Ear,
        take_next: Callable[[], None],
        has_taken: Callable[[int], bool],
        look_soon: Callable[[float], None],
    ) -> None:
        """`take_next` takes the call that has stopped, to be decided later; `look_soon` has `look` called.

        `has_taken` tells whether a thread waits at a call that was taken, which no signal interrupts.
        """
        self._listener = listener
        self._ear = ear
        self._take_next = take_next
        self._has_taken = has_taken
        self._look_soon = look_soon
        self._held: list[_End] = []
        self._orphans: set[int] = set()

    def orphans(self) -> frozenset[int]:
        """The processes that live, and whose parents have ended: they have detached themselves, as a daemon does."""
        self._orphans = {process for process in self._orphans if stat.fields(process)}
        return frozenset(self._orphans)

    def orphan(self, thread: int) -> None:
        """The process of this thread ends. Its children are others' from then on, and nobody could tell whose."""
        self._orphans |= stat.children(thread)

    def take(self, stopped: notifications.Notification) -> None:
        """A process is about to end."""
        self.orphan(stopped.thread)
        parent = stat.parent(stopped.thread)
        if not _is_interruptible(parent):
            notifications.proceed(self._listener, stopped.id)
            return
        with suppress(OSError, ValueError):  # it was killed
            process = kernel.thread_group(stopped.thread)
            self._held.append(_End(stopped.id, process, parent, stat.worked(parent), time.monotonic()))
            self.look()

    def taken(self, thread: int) -> None:
        """A call of this thread was taken: whoever waited for that may end."""
        if self._held:
            self._release(lambda end: end.parent == thread)

    def look(self) -> None:
        """Let go whose parents sleep now; with the others one must look again."""
        self._release(lambda end: self._sleeps(end.parent) or _spins(end))
        if self._held:
            self._look_soon(_AGAIN_SECONDS)

    def _sleeps(self, parent: int) -> bool:
        """Whether it sleeps, for longer than its child takes to end, and not at a call that nobody has taken.

        A fork sleeps uninterruptibly (D) for microseconds, while its other children let go of the memory that they
        have from it; the next call is then made at once. One that was taken sleeps so too, once a signal has come.
        """
        found = stat.fields(parent)
        if found is None:
            return True
        if found[0] == "D" and not (self._has_taken(parent) or quiet.lends_memory(parent, operands.read_memory)):
            return False
        return found[0] != "R" and self._ear.listen() is not notifications.Sign.CALL

    def _release(self, which: Callable[[_End], bool]) -> None:
        """One after the other: the end of the first may wake the parent of the second."""
        for end in tuple(self._held):
            if which(end):
                self._held.remove(end)
                self._let_go(end)

    def _let_go(self, end: _End) -> None:
        """Have it end, and wait for that. Calls that stop meanwhile are taken, so that its signal cannot meet them."""
        try:
            pidfd = os.pidfd_open(end.process)
        except OSError:  # it was killed, or we have no descriptor left
            notifications.proceed(self._listener, end.id)
            return
        try:
            if notifications.proceed(self._listener, end.id):
                self._await(pidfd)
        finally:
            os.close(pidfd)

    def _await(self, pidfd: int) -> None:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(self._listener, select.POLLIN)
        until = time.monotonic() + _DYING_SECONDS
        while (left := until - time.monotonic()) > 0:
            ready = dict(poll.poll(1000 * left))
            if pidfd in ready or ready.get(self._listener, 0) & ~select.POLLIN:
                return
            if self._listener in ready:
                self._take_next()


def _is_interruptible(parent: int) -> bool:
    """Whether the end of a child may interrupt it: a process of the run, not our launcher, that catches SIGCHLD."""
    if stat.parent(parent) == os.getpid():
        return False
    return stat.catches(parent, signal.SIGCHLD)


def _spins(end: _End) -> bool:
    """Whether its parent has gone on for so long that it may wait for the end, without a sleep."""
    return stat.worked(end.parent) - end.worked > _SPINS_SECONDS or time.monotonic() - end.since > _MOST_SECONDS
