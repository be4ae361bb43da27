"""One stopped system call: what it is about to do, and the ways in which it may go on.

Whoever keeps one must release it in the end; its caller waits inside the kernel until then.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from harness.conductor import kernel, notifications, operands, renames
from harness.conductor.calls import Kind
from harness.conductor.operands import Operand

if TYPE_CHECKING:
    from harness.conductor.supervisor import Supervisor


MOST_WRITTEN = 0x7FFFF000  # bytes, by one call: write(2)


@dataclass(slots=True, eq=False)
class StoppedCall:
    """A system call that waits. It must be released exactly once: `go`, `fail`, `kill` or `perform`."""

    supervisor: Supervisor
    id: int
    thread: int
    kind: Kind
    args: tuple[int, ...]
    operands: tuple[Operand, ...]
    index: int  # how many calls on watched paths this actor made before
    open_flags: int = 0  # of a call that opens a file
    again: bool = False  # the same call was seen before: a signal had interrupted it
    done: bool = field(default=False)
    performed: int | None = field(default=None)  # the errno of a rename that was carried out, 0 for success
    asks: str = field(default="")  # the process that it asks for, by its name in the schedule
    failed: int | None = field(default=None)  # the errno that we answered with in the call's place
    paths: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.paths = tuple([operand.path for operand in self.operands])

    @property
    def actor(self) -> str:
        return self.supervisor.actor

    @property
    def process(self) -> int:
        """The caller's process id; the thread's own where that cannot be told any more."""
        try:
            return kernel.thread_group(self.thread) if self.supervisor.plural else self.thread
        except (OSError, ValueError):
            return self.thread

    @property
    def path(self) -> str:
        """What the call changes: the destination of a rename, else its only path."""
        return self.operands[-1].path if self.operands else ""

    def data(self, *, most: int = MOST_WRITTEN) -> bytes:
        """What a write(2) or its kin is about to write, as far as its caller's memory goes, `most` bytes of it.

        Nothing for any other call. Raises OSError.
        """
        found = b""
        for address, size in operands.memory_written(self.kind, self.thread, self.args):
            if size and len(found) < most:
                found += operands.read_memory(self.thread, address, min(size, most - len(found)))
        return found

    def look_again(self) -> None:
        """Find its objects anew, while it waits: others may have led its names elsewhere."""
        with suppress(OSError):
            self.operands = tuple([operands.found_again(self.thread, operand) for operand in self.operands])
            self.paths = tuple([operand.path for operand in self.operands])

    def waits(self) -> bool:
        """Whether the call is still stopped: nobody has released it, and its caller lives."""
        if self.done or self.supervisor.closed:
            return False
        return notifications.still_waits(self.supervisor.listener, self.id)

    def go(self) -> bool:
        """Let the call run; when it ends is not seen. False when the caller is gone or was interrupted."""
        return self._finish(lambda: notifications.proceed(self.supervisor.listener, self.id))

    def fail(self, error: int) -> bool:
        """The call fails with this errno, without having run."""
        self.failed = error
        return self._finish(lambda: notifications.answer(self.supervisor.listener, self.id, -1, error))

    def answer(self, value: int) -> bool:
        """The call gives this value, without having run: what it does was done for it."""
        return self._finish(lambda: notifications.answer(self.supervisor.listener, self.id, value))

    def perform(self) -> bool:
        """Carry out a rename ourselves and answer with its result, so that its end is known and ordered.

        Any other call, and a rename whose caller has other rights or another view of the files, is let go.
        """
        if not self.waits():
            return False
        if self.performed is None:  # else it was, and a signal came before the answer
            self.performed = renames.carry_out(self.kind, self.thread, self.args, self.operands)
        return self._conclude() if self.performed is not None else self.go()

    def kill(self) -> bool:
        """The calling process dies by SIGKILL without the call having run (a thread group dies as one).

        False when the call waits no longer: a signal interrupted it, and it may be asked again, or its process is gone.
        """
        try:
            pidfd = os.pidfd_open(kernel.thread_group(self.thread))
        except (FileNotFoundError, ProcessLookupError):
            return False
        try:
            if not self.waits():
                return False
            self.supervisor.orphan(self.thread)
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:  # somebody else has killed it since we asked whether it waits
            return False
        finally:
            os.close(pidfd)
        self.done = True
        return True

    def _conclude(self) -> bool:
        error = self.performed or 0
        return self._finish(lambda: notifications.answer(self.supervisor.listener, self.id, -1 if error else 0, error))

    def _finish(self, act: Callable[[], bool]) -> bool:
        if self.done or self.supervisor.closed:
            return False
        self.done = True
        answered = act()
        if answered:
            self.supervisor.answered(self)
        return answered


Where = Callable[[StoppedCall], bool]  # which calls are meant


class Director(Protocol):
    """Decides about stopped calls. `take` returns True when it keeps the call to release it later (or has done so)."""

    def take(self, call: StoppedCall) -> bool: ...


@runtime_checkable
class OrdersNames(Protocol):
    """A director that is also shown calls that name a socket otherwise than by a path, or a process, by this method."""

    def take_name(self, call: StoppedCall) -> bool: ...
