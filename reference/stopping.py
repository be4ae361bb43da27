"""How a command ends from outside: signals, the deadline, and a clean-up that itself may hang.

SIGINT, SIGTERM and SIGHUP raise Stopped once in the main thread; later ones are ignored, so that the clean-up is not
cut short by an impatient second Ctrl-C. ITIMER_REAL is the backstop of --timeout: it interrupts every wait in poll(2),
select(2) or a sleep, whichever library made it, and any other call inside `interrupting`. Once stopped, the same timer
bounds the clean-up, and interrupts anything: when it is too slow Stopped is raised again, and at last the process
leaves with the right exit status and without further ado.

Python only notes a signal when it comes, and acts on it before the next instruction, or when a call is interrupted. One
that comes between the last instruction and a call that blocks would be acted on when that call ends, if ever. So the
timer beats: its next beat interrupts the wait, and what was noted is acted on. Other calls the kernel starts again
after a beat (SA_RESTART): nobody asks a connect(2) or a rename(2) again, which never fail with EINTR unless a
supervisor of system calls, or a filesystem in user space, keeps them waiting.

It refuses to use threads and `signal.alarm`: one timer, one owner.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time

from reference.deadline import Deadline
from reference.errors import EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED, EXIT_TIMEOUT, Stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

DEFAULT_GRACE = 2.0  # seconds that children get between SIGTERM and SIGKILL
_BEAT = 1.0  # seconds: how late a signal can be acted on
_PAUSE = 3600.0  # seconds between beats that nothing waits for
_MARGIN = 2.0  # seconds for the rest of the clean-up: transcript, database, output

_REASONS: dict[str, tuple[int, str]] = {
    "deadline": (EXIT_TIMEOUT, "the time given with --timeout is over"),
    "interrupted": (EXIT_INTERRUPTED, "stopped by SIGINT"),
    "terminated": (EXIT_TERMINATED, "stopped by SIGTERM"),
    "hung-up": (EXIT_HUNG_UP, "stopped by SIGHUP: the terminal went away"),
    "gateway-lost": (EXIT_TERMINATED, "the gateway that owned this run is gone"),
}
_HINTS = {  # whoever sent a signal knows what they want
    "deadline": "give it more seconds with --timeout, or send a smaller task",
    "gateway-lost": "start the gateway again with `reference gateway run`, then look at `reference runs list`",
}
_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung-up"}
# All that a run is ended by: SIGALRM at its deadline, SIGIO where a worker's gateway is gone.
ENDING = frozenset({*_SIGNALS, signal.SIGALRM, signal.SIGIO})


class _State:
    """The one mutable thing here; a process has one main thread and one end."""

    code = ""  # why we are stopping; empty while running
    due = float("inf")  # when something takes too long (time.monotonic): the command, or its clean-up
    escalations = 0
    grace = DEFAULT_GRACE


def install() -> None:
    """Take over the signals, except those that our parent had us ignore (nohup, a shell's background job)."""
    signal.signal(signal.SIGALRM, _on_alarm)  # before it is let in: one may wait, from whoever became us by execve(2)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [*_SIGNALS, signal.SIGALRM])
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    _beat()


def arm(timeout: float | None) -> Deadline:
    """The deadline that many seconds from now; then Stopped(`deadline`) is raised in the main thread."""
    if timeout is not None and not _State.code:
        _due_in(timeout)
    return Deadline.after(timeout)


def hold() -> None:
    """Deliver INT, TERM and HUP only inside `deliver` from now on: no half-done step is ever interrupted."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


class held:
    """Where INT, TERM and HUP are delivered only inside `deliver`."""

    how = signal.SIG_BLOCK

    def __enter__(self) -> None:
        self._before = signal.pthread_sigmask(self.how, _SIGNALS)

    def __exit__(self, *reason: object) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


class deliver(held):
    """Where signals that `hold` or `held` keeps back raise Stopped."""

    how = signal.SIG_UNBLOCK


class interrupting:
    """Where the timer interrupts a call that blocks, and is neither poll(2) nor select(2) nor a sleep."""

    def __enter__(self) -> None:
        signal.siginterrupt(signal.SIGALRM, True)

    def __exit__(self, *reason: object) -> None:
        signal.siginterrupt(signal.SIGALRM, bool(_State.code))


def set_grace(seconds: float) -> None:
    """How long children may take to end, as the clean-up's bound must exceed it."""
    _State.grace = seconds


def watch(descriptor: int) -> None:
    """Raise Stopped(`gateway-lost`) when the other end of this pipe closes, by whatever death.

    The kernel sends SIGIO for a descriptor with O_ASYNC (fcntl(2)); nobody has to poll.
    """
    signal.signal(signal.SIGIO, _on_hang_up)
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_RDONLY | os.O_ASYNC | os.O_NONBLOCK)
    _check_pipe(descriptor)  # it may have been closed before we asked


def grace() -> float:
    """What `set_grace` was told last, in seconds."""
    return _State.grace


def stop(code: str) -> Stopped:
    """Note the first reason to stop, bound the clean-up from now on, and return what to raise."""
    if not _State.code:
        _State.code = code
        signal.siginterrupt(signal.SIGALRM, True)
        _due_in(_State.grace + _MARGIN)
    return _error(_State.code)


def reason() -> str:
    """Why this process is stopping: a code of Stopped, or the empty string while it is not."""
    return _State.code


def in_place_of(error: BaseException) -> Stopped | None:
    """The Stopped that `error` has taken the place of, if there was one.

    A signal that comes while a module is imported may be raised in C, which tells of it as an error of its own.
    """
    return _error(_State.code) if _State.code and not isinstance(error, Stopped) else None


def finish() -> None:
    """Only output is left to do: from here on a signal or the deadline ends the process at once."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _on_signal:
            signal.signal(number, signal.SIG_DFL)
    signal.siginterrupt(signal.SIGALRM, True)
    _State.code = _State.code or "deadline"
    _State.escalations = 1


def disarm() -> None:
    """Nothing is left to do: the interpreter takes our handlers away before it ends, and a beat would kill it then."""
    signal.signal(signal.SIGALRM, signal.SIG_IGN)


def _error(code: str) -> Stopped:
    status, message = _REASONS[code]
    return Stopped(code, message, exit_status=status, hint=_HINTS.get(code, ""))


def _on_signal(number: int, frame: FrameType | None) -> None:
    if not _State.code:
        raise stop(_SIGNALS[signal.Signals(number)])


def _on_hang_up(number: int, frame: FrameType | None) -> None:
    if not _State.code:
        raise stop("gateway-lost")


def _check_pipe(descriptor: int) -> None:
    try:
        closed = os.read(descriptor, 1) == b""
    except BlockingIOError:
        return
    if closed and not _State.code:
        raise stop("gateway-lost")


def _due_in(seconds: float) -> None:
    _State.due = time.monotonic() + seconds
    _beat()


def _beat() -> None:
    """The timer goes off when something is due, and every second until then; a clean-up acts on no more signals."""
    left = max(_State.due - time.monotonic(), 0.001)
    signal.setitimer(signal.ITIMER_REAL, min(left, _PAUSE if _State.code else _BEAT), _BEAT)


def _on_alarm(number: int, frame: FrameType | None) -> None:
    if time.monotonic() < _State.due:
        _beat()
        return
    if not _State.code:
        raise stop("deadline")
    _State.escalations += 1
    if _State.escalations > 1:
        os._exit(_REASONS[_State.code][0])
    _due_in(_MARGIN)
    raise _error(_State.code)
