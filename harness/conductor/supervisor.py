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
from collections import deque
from collections.abc import Callable, Collection, Sequence

from harness.conductor import calls, notifications, operands, ports, probes
from harness.conductor.calls import Family
from harness.conductor.endings import Endings
from harness.conductor.limits import Limits
from harness.conductor.lookups import Lookups
from harness.conductor.operands import CALLERS_OWN_FAULT, Operand
from harness.conductor.stopped import Director, OrdersNames, StoppedCall
from harness.errors import LabError

_SIXTY_FOUR = "use a build of the program for x86-64; system calls are not stopped with --no-conductor"
_SOON = 0.005  # seconds that one call of a flood is behind another; a timer below a tick costs as much as a stop
_FLOOD = 256  # calls, until the loop has its turn
_TERMINALS = ("/dev/pts/", "/dev/ptmx")  # pts(4): pairs of them, as terminal emulators and sshd make
_listening: set[int] = set()  # the listeners of all supervisors: who is alone may be waited for


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
        families: Collection[Family] = (),
        lookups: Lookups | None = None,
    ) -> None:
        """`families` are the calls that the directors are to see."""
        self.actor = actor
        self.listener = listener
        self.ended = asyncio.Event()
        self.closed = False
        self.withdrawn = 0  # calls that a signal ended, with EINTR or to be made again, before we had taken them
        self.watched = 0
        self.begun = False  # whether its program has started, where starts stop
        # Whether it has asked for a connection, or opened a terminal: what it sends may be on its way to a fake or, by
        # a thread of the kernel's, to the terminal's other end.
        self.converses = False
        # Whether it may have more than one process or thread: known by its first fork, if forks stop, else supposed.
        self.plural = Family.FORK not in families
        self.limits = Limits()  # that its processes have set themselves, where those calls stop
        self._root = os.path.realpath(root)
        self._below = f"{self._root}/"
        self._directors = directors  # shared with the lab, which adds and removes them
        self._seal = seal
        self._lookups = lookups
        self._reads = Family.READ in families  # whether calls that only read are shown to the directors
        self._next_id: int | None = None
        self._refused = False  # whether a call was refused that could not be read
        self._unanswered: dict[tuple[int, int, tuple[int, ...]], StoppedCall] = {}  # by thread, number, arguments
        self.report = on_fault
        self._when_ended: list[Callable[[], object]] = []
        self._taken: deque[notifications.Notification] = deque()  # not decided yet
        self._timer: asyncio.TimerHandle | None = None
        self._ear = notifications.Ear(listener)
        self._endings = Endings(listener, self._ear, self._take_next, self._has_taken, self._look_soon)
        notifications.hand_over(listener)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listener, self._hear)
        _listening.add(listener)

    def close(self) -> None:
        """Stop supervising. Whatever still waits gets ENOSYS from the kernel, so end the tree first."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self.listener)
            if self._timer is not None:
                self._timer.cancel()
            _listening.discard(self.listener)
            os.close(self.listener)
            self.ended.set()
            for tell in self._when_ended:
                tell()

    def when_ended(self, tell: Callable[[], object]) -> None:
        """Have something called as soon as no process of the tree is left."""
        self._when_ended.append(tell)

    def _hear(self) -> None:
        """Take the call that has come, and the flood behind it: a program opens its own files by the thousand.

        Waiting for the next one here spares the loop's own round, and lets caller and supervisor share a processor
        (`notifications.hand_over`), which a wait by epoll(7) does not. Several actors take turns, and the loop its own.
        """
        flood = self.serve()
        for _ in range(_FLOOD):
            if not flood or len(_listening) > 1:
                return
            flood = self.serve(_SOON)

    def serve(self, seconds: float = 0) -> bool:
        """Take the next call of this actor now, if it comes within so many seconds (at most a few milliseconds).

        True when that was one of the many that look at a file, or open it only to read it, and it was let go: more will
        follow.
        """
        try:
            match None if self.closed else self._ear.listen(seconds):
                case notifications.Sign.CALL:
                    self._take_next()
                case notifications.Sign.END:
                    self.close()
        except Exception as failure:  # noqa: BLE001 - the listener itself is broken
            self.report(failure)
            self.close()
        return self._decide_taken()

    def _take_next(self) -> None:
        """Take the call that there is a sign of, unless it is withdrawn.

        One listener's notifications are numbered one after the other (kernel/seccomp.c, seccomp_next_notify_id), so a
        gap tells of calls that have been withdrawn: a signal interrupts a call until we have taken it, and only from
        then on is its wait killable only.
        """
        stopped = notifications.receive(self.listener)
        if stopped is None:
            self.withdrawn += 1
            if self._next_id is not None:
                self._next_id += 1
            return
        if self._next_id is not None:
            self.withdrawn += stopped.id - self._next_id
        self._next_id = stopped.id + 1
        self._taken.append(stopped)

    def _has_taken(self, thread: int) -> bool:
        """Whether it waits at a call that was taken and has no answer yet."""
        return any(of == thread for of, *_ in self._unanswered) or any(it.thread == thread for it in self._taken)

    def _decide_taken(self) -> bool:
        """Decide about what was taken, as in `serve`."""
        many = False
        while self._taken:
            stopped = self._taken.popleft()
            try:
                many = self._decide(stopped)
            except Exception as failure:  # noqa: BLE001 - a stopped call must never stay stopped because of our own bug
                many = False
                self.report(failure)
                self._abandon(stopped)
        return many

    def _look_soon(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        try:
            self._endings.look()
        except Exception as failure:  # noqa: BLE001 - as above
            self.report(failure)
        self._decide_taken()

    def unheard(self) -> bool:
        """Whether a call has stopped that nobody has taken yet: its caller looks as if it slept."""
        return not self.closed and self._ear.listen() is notifications.Sign.CALL

    def orphans(self) -> frozenset[int]:
        """Processes of the tree whose parents have ended, where ends stop or are of our making."""
        return self._endings.orphans()

    def orphan(self, thread: int) -> None:
        """The process of this thread is about to be ended by a signal of ours, so that its end does not stop."""
        self._endings.orphan(thread)

    def answered(self, call: StoppedCall) -> None:
        """The call will not be asked again."""
        self._unanswered.pop(_identity(call), None)

    def _abandon(self, stopped: notifications.Notification) -> None:
        """Get rid of a call that could not be decided: the run is UNKNOWN already, but it must end."""
        if self.closed:
            return
        if stopped.foreign or calls.BY_NUMBER[stopped.number].family is Family.NETWORK:
            notifications.answer(self.listener, stopped.id, -1, errno.ENETUNREACH)  # the seal holds even then
        else:
            notifications.proceed(self.listener, stopped.id)

    def _decide(self, stopped: notifications.Notification) -> bool:
        if stopped.foreign:
            self._refuse(stopped)
            return False
        self._endings.taken(stopped.thread)
        if calls.BY_NUMBER[stopped.number].family is Family.END:
            self._endings.take(stopped)
            return False
        if self._lookups is not None and self._lookups.take(self.listener, stopped):
            return True
        call = self._decode(stopped)
        self.plural = self.plural or call.kind.family is Family.FORK
        if call.kind.family is Family.LIMIT:
            self.limits.see(call)
        if not self._is_kept(call):
            call.go()
        looks = call.kind.family is Family.LOOK
        return call.done and (looks or (call.kind.may_read and operands.changes_nothing(call.open_flags)))

    def _refuse(self, stopped: notifications.Notification) -> None:
        """A call that cannot be read is not let go either: the run would be judged by what was seen of it."""
        if not self._refused:
            self._refused = True
            self.report(LabError(f"{self.actor} makes 32-bit system calls, which cannot be followed", hint=_SIXTY_FOUR))
        notifications.answer(self.listener, stopped.id, -1, errno.ENOSYS)

    def _is_kept(self, call: StoppedCall) -> bool:
        """Whether somebody wanted the call: it is released already, or will be."""
        if call.kind.family is Family.START and not self.begun:
            self.begun = True
            return self._is_taken(call)
        if call.kind.family is Family.NETWORK:
            self.converses = True
            if self._seal.take(call):
                return True
        elif call.path.startswith(_TERMINALS):
            self.converses = True
        if ports.is_name(call.path) or probes.asked_for(call):
            return self._is_ordered(call)
        if not (self._is_watched(call) and notifications.still_waits(self.listener, call.id)):
            return False
        self._count(call)
        if call.performed is not None:
            call.perform()
            return True
        return self._is_taken(call)

    def _is_ordered(self, call: StoppedCall) -> bool:
        ordering = [director for director in self._directors if isinstance(director, OrdersNames)]
        if not (ordering and notifications.still_waits(self.listener, call.id)):
            return False
        self._count(call)
        return any(director.take_name(call) for director in ordering)

    def _is_taken(self, call: StoppedCall) -> bool:
        return any(director.take(call) for director in self._directors)

    def _decode(self, stopped: notifications.Notification) -> StoppedCall:
        kind = calls.BY_NUMBER[stopped.number]
        named: tuple[Operand, ...] = ()
        flags: int | None = None
        try:
            flags = operands.open_flags(kind, stopped.thread, stopped.args)
            if self._reads or not operands.changes_nothing(flags):
                named = operands.operands(kind, stopped.thread, stopped.args)
        except OSError as error:
            if error.errno not in CALLERS_OWN_FAULT:
                raise
        return StoppedCall(self, stopped.id, stopped.thread, kind, stopped.args, named, self.watched, flags or 0)

    def _is_watched(self, call: StoppedCall) -> bool:
        return call.kind.names_none or any(path == self._root or path.startswith(self._below) for path in call.paths)

    def _count(self, call: StoppedCall) -> None:
        """Give the call its index. One that a signal had interrupted keeps the index that it had."""
        earlier = self._unanswered.get(_identity(call))
        if earlier is None:
            self.watched += 1
        else:
            call.index, call.again, call.performed = earlier.index, True, earlier.performed
        self._unanswered[_identity(call)] = call


def _identity(call: StoppedCall) -> tuple[int, int, tuple[int, ...]]:
    return call.thread, call.kind.number, call.args
