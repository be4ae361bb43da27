"""The command's side of child work: start its keeper, read its output, end it, outlive it.

Whatever happens to the command, `end` leaves no process behind: normally the keeper sees the end of the
channel and takes the tree down; if the keeper itself was killed, its children have become ours, as we are a
subreaper too, and are taken down here. What remains possible: keeper and command killed with SIGKILL at the
same moment; their work then belongs to whoever is the next subreaper above.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress

from reference import stopping
from reference.errors import from_oserror
from reference.tools import channel
from reference.tools.keeper import Work, keep
from reference.tools.kernel import become_subreaper
from reference.tools.tree import KILL_SECONDS, Process, children, collect, descendants, take_down

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from reference.deadline import Deadline
    from reference.tools.output import Output

_LOST = {"status": None, "why": "keeper-lost"}
_keepers: set[int] = set()  # that are our children: of work beside this one, and of work that stays when we go


class Job:
    """Child work whose keeper runs and waits for `start`."""

    def __init__(self, command: str, *, workspace: str, background: bool, grace: float) -> None:
        become_subreaper()
        self.workspace = workspace
        self.background = background
        self.grace = grace
        self.outcome: dict[str, Any] | None = None
        self.output, write = (-1, -1) if background else os.pipe2(os.O_CLOEXEC)
        work = Work(command=command, workspace=workspace, output=write, background=background, grace=grace)
        self.keeper, self._control = _fork_keeper(work)
        if write >= 0:
            os.close(write)
        _keepers.add(self.keeper)

    def start(self) -> None:
        """Begin; when this returns the shell runs, or has killed its keeper. Raises Local if it cannot be started."""
        with suppress(BrokenPipeError):  # it has given up already, and says why
            self._control.send(channel.START)
        with stopping.interrupting():
            answer = channel.hear(self._control)
        if answer is None:  # killed, by its work as likely as not
            self.outcome = dict(_LOST)
        elif "failed" in answer:
            number = int(answer["failed"])
            raise from_oserror(OSError(number, os.strerror(number)), self.workspace)

    def pump(self, output: Output, deadline: Deadline) -> bool:
        """Read until the work is over; False if `deadline` came first."""
        poller = select.poll()
        poller.register(self.output, select.POLLIN)
        poller.register(self._control, select.POLLIN)
        while self.outcome is None:
            ready = poller.poll(deadline.milliseconds())
            if not ready and deadline.passed():
                return False
            for descriptor, _ in ready:
                if descriptor == self._control.fileno():
                    self.outcome = channel.hear(self._control) or dict(_LOST)
                elif not output.read(self.output):
                    poller.unregister(self.output)
        return True

    def end(self, output: Output) -> None:
        """Take down what still runs and wait for it, reading on. Harmless when it has ended."""
        if self.background:
            self._control.close()  # started, it stays, and is on record; else its keeper goes by itself
        elif self._control.fileno() >= 0:
            self.dismiss()
            self._wait_for_keeper(output)
            _keepers.discard(self.keeper)
            self._take_down_orphans()
            output.read_rest(self.output)
            self._close()

    def dismiss(self) -> None:
        """Have the keeper take the work down, without waiting for it. Harmless when it has ended."""
        import socket

        try:
            self._control.shutdown(socket.SHUT_WR)
            # Its work may have stopped it. It is our child, so the number is its own.
            os.kill(self.keeper, signal.SIGCONT)
        except OSError:
            return  # the keeper has ended already

    def _wait_for_keeper(self, output: Output) -> None:
        from reference.deadline import Deadline

        bound = Deadline.after(self.grace + 2 * KILL_SECONDS)
        self.pump(output, bound)
        while not collect(self.keeper) and not bound.passed():
            select.select([self._control], [], [], 0.01)

    def _take_down_orphans(self) -> None:
        """The work of a keeper that was killed."""

        def look() -> list[Process]:
            return descendants(os.getpid(), without=_keepers)

        def reap() -> bool:
            gone = [collect(pid) for pid in children(os.getpid()) if pid not in _keepers]
            return not all(gone)

        if self.outcome is None or self.outcome.get("why") != "ended":
            take_down(look, reap, time.sleep, self.grace)

    def _close(self) -> None:
        self._control.close()
        os.close(self.output)


def _fork_keeper(work: Work) -> tuple[int, socket.socket]:
    """Signals wait meanwhile: their handlers would raise in the child as well, in the command's code."""
    ours, theirs = channel.pair()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stopping.ENDING)
    try:
        pid = os.fork()
        if pid == 0:
            keep(work, theirs)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return pid, ours
