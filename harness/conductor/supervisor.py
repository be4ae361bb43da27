"""Answers the stopped calls of one actor's process tree.

One supervisor owns one listener. It decodes each stopped call, lets it go at once unless a director wants it, and
knows when the whole tree is gone: the kernel hangs the listener up only then, however a descendant detached
(seccomp_unotify(2)). It keeps no clock and makes no choice of its own.

Arguments are read from the caller's memory while it is stopped; another thread could still rewrite them after the
call was let go, so this is a test instrument and not a security boundary.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.conductor import calls, kernel
from harness.conductor.calls import Family, Kind


@dataclass(slots=True, eq=False)
class StoppedCall:
    """A system call that waits. It must be released exactly once: `go`, `fail`, `kill` or `perform`."""

    supervisor: Supervisor
    id: int
    thread: int
    kind: Kind
    args: tuple[int, ...]
    paths: tuple[str, ...]
    index: int  # how many calls on watched paths this actor made before
    done: bool = field(default=False)

    @property
    def actor(self) -> str:
        return self.supervisor.actor

    @property
    def path(self) -> str:
        """What the call changes: the destination of a rename, else its only path."""
        return self.paths[-1] if self.paths else ""

    def go(self) -> bool:
        """Let the call run; when it ends is not seen. False when the caller is gone or was interrupted."""
        return self._finish(lambda: kernel.proceed(self.supervisor.listener, self.id))

    def fail(self, error: int) -> bool:
        """The call fails with this errno, without having run."""
        return self._finish(lambda: kernel.answer(self.supervisor.listener, self.id, -1, error))

    def perform(self) -> bool:
        """Carry out a rename ourselves and answer with its result, so that its end is known and ordered.

        Only plain renames are carried out; any other call is let go.
        """
        if self.kind.name not in ("rename", "renameat"):
            return self.go()
        if not kernel.still_waits(self.supervisor.listener, self.id):
            return False
        try:
            os.rename(*self.paths)  # noqa: PTH104 - names may hold bytes that are not text
        except OSError as failure:
            code = failure.errno or errno.EIO
            return self._finish(lambda: kernel.answer(self.supervisor.listener, self.id, -1, code))
        return self._finish(lambda: kernel.answer(self.supervisor.listener, self.id))

    def kill(self) -> None:
        """The calling process dies by SIGKILL without the call having run (a thread group dies as one)."""
        self.done = True
        try:
            pidfd = os.pidfd_open(_thread_group(self.thread))
        except (OSError, ValueError):
            return
        try:
            if kernel.still_waits(self.supervisor.listener, self.id):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)

    def _finish(self, act: Callable[[], bool]) -> bool:
        if self.done:
            return False
        self.done = True
        return act()


class Director(Protocol):
    """Decides about stopped calls. `take` returns True when it keeps the call to release it later (or has done so)."""

    def take(self, call: StoppedCall) -> bool: ...


class Supervisor:
    """One actor's listener on the running loop."""

    def __init__(
        self,
        *,
        actor: str,
        listener: int,
        root: str,
        directors: Sequence[Director],
        seal: Director,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self.actor = actor
        self.listener = listener
        self.ended = asyncio.Event()
        self.watched = 0
        self._root = os.path.realpath(root)
        self._directors = directors  # shared with the lab, which adds and removes them
        self._seal = seal
        self._on_fault = on_fault
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listener, self._on_ready)

    def close(self) -> None:
        """Stop supervising. Whatever still waits gets ENOSYS from the kernel, so end the tree first."""
        if not self.ended.is_set():
            self._loop.remove_reader(self.listener)
            os.close(self.listener)
            self.ended.set()

    def _on_ready(self) -> None:
        try:
            stopped = kernel.receive(self.listener)
            if stopped is not None:
                self._decide(stopped)
            elif kernel.hung_up(self.listener):
                self.close()
        except Exception as failure:  # noqa: BLE001 - a stopped call must never stay stopped because of our own bug
            self._on_fault(failure)
            if stopped is not None:
                kernel.proceed(self.listener, stopped.id)

    def _decide(self, stopped: kernel.Notification) -> None:
        kind = calls.BY_NUMBER[stopped.number]
        try:
            paths = calls.paths(kind, stopped.thread, stopped.args)
        except OSError:  # a bad address or descriptor: the kernel will say so itself
            paths = ()
        watched = any(path == self._root or path.startswith(self._root + "/") for path in paths)
        call = StoppedCall(self, stopped.id, stopped.thread, kind, stopped.args, paths, self.watched)
        if kind.family is Family.NETWORK:
            if self._seal.take(call):
                return
        elif watched and kernel.still_waits(self.listener, stopped.id):
            self.watched += 1
            if any(director.take(call) for director in self._directors):
                return
        call.go()


def _thread_group(thread: int) -> int:
    """The process that a thread belongs to. Raises OSError when it is gone."""
    with open(f"/proc/{thread}/status", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("Tgid:"):
                return int(line.split()[1])
    raise ValueError(f"no Tgid of thread {thread}")
