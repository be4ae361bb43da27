"""The process that owns a command's child work, and ends only after all of it.

It is forked from the command and does not exec. It leaves the command's session, so that what is sent to the
command's group or terminal does not reach it; it gives up every descriptor but its own, so that it holds no
lock, no database and no pipe of the command's; and it is a subreaper, so that no descendant gets away from
it.

The work ends when its shell has ended, when the command is gone (end of stream on the channel, whatever
killed it) and when SIGTERM comes. Then the whole tree is taken down. SIGINT and SIGHUP do nothing here.
Background work has no channel any more: the command may go, the keeper and the work stay.

It refuses to run any of the command's code: it never returns, and no finaliser of an inherited object runs,
as that would close descriptors whose numbers now belong to the keeper.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import subprocess

from reference import locks
from reference.tools import channel
from reference.tools.kernel import become_subreaper, continue_at_parents_death, set_name
from reference.tools.tree import Process, children, collect, descendants, signal_group, take_down

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_TOLD = 20  # processes named in a report; a fork bomb would not fit


class Work:
    """What is to be run. `output` is the descriptor of the pipe that the command reads; -1 discards it."""

    __slots__ = ("background", "command", "grace", "output", "workspace")

    def __init__(self, *, command: str, workspace: str, output: int, background: bool, grace: float) -> None:
        self.command = command
        self.workspace = workspace
        self.output = output
        self.background = background
        self.grace = grace


def keep(work: Work, control: socket.socket) -> NoReturn:
    """Be the keeper of `work`, in a process just forked with all signals blocked."""
    status = 1
    try:
        gc.disable()
        os.setsid()
        _Keeper(work, control).run()
        status = 0
    except OSError as error:
        channel.tell(control, failed=error.errno)
    finally:
        os._exit(status)


class _Keeper:
    def __init__(self, work: Work, control: socket.socket) -> None:
        self.work = work
        self.control = control
        self.shell = 0
        self.group = 0  # the shell's process group, as long as its number cannot be given out again
        self.shell_status: int | None = None
        self.cancelled = False
        self.wake = _prepare_signals(self._on_term)
        _keep_descriptors({control.fileno(), work.output, *self.wake})
        become_subreaper()
        continue_at_parents_death()  # its work may have stopped it, and then nobody else would
        set_name("reference-keep")
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def run(self) -> None:
        if self.control.recv(64) != channel.START:
            return  # the command died first; nothing has been started
        popen = self._spawn()  # held to the end: its finaliser would collect the shell before we do
        self.shell = self.group = popen.pid
        channel.tell(self.control, started=self.shell)
        self._release_output()
        if self.work.background:
            self.control.close()
        self._watch()
        found = take_down(self._look, self._reap, self._wait, self.work.grace, lambda: self.group)
        self._report(found)

    def _spawn(self) -> subprocess.Popen[bytes]:
        """The shell, in its own session; its descriptors are /dev/null and the pipe, nothing else."""
        output = self.work.output if self.work.output >= 0 else subprocess.DEVNULL
        return subprocess.Popen(
            ["/bin/sh", "-c", self.work.command],
            cwd=self.work.workspace,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def _release_output(self) -> None:
        """Only the work itself keeps the pipe open, so that its end is seen."""
        if self.work.output >= 0:
            os.close(self.work.output)

    def _watch(self) -> None:
        """Until the shell has ended, or the work is not wanted any more."""
        poller = select.poll()
        poller.register(self.wake[0], select.POLLIN)
        if not self.work.background:
            poller.register(self.control, select.POLLIN)
        while self._reap() and self.shell_status is None and not self.cancelled:
            for descriptor, _ in poller.poll():
                if descriptor == self.wake[0]:
                    _drain(descriptor)
                elif not self.control.recv(64):
                    self.cancelled = True

    def _report(self, found: list[Process]) -> None:
        if self.work.background:
            return
        names = [f"{process.name} ({process.pid})" for process in found if process.pid != self.shell]
        survivors = [process.pid for process in self._look()]
        channel.tell(
            self.control,
            status=self.shell_status,
            why="cancelled" if self.cancelled else "ended",
            left=names[:_TOLD],
            survivors=survivors[:_TOLD],
        )

    def _look(self) -> list[Process]:
        return descendants(os.getpid())

    def _wait(self, seconds: float) -> None:
        """Wait for a child's end, or that long."""
        if select.select([self.wake[0]], [], [], seconds)[0]:
            _drain(self.wake[0])

    def _reap(self) -> bool:
        """Collect the dead; whether any child is left, and so any descendant.

        The shell is collected last, as its zombie keeps the number of its group. That the list of children
        shows no other proves nothing yet, as it is no snapshot; SIGKILL to the whole group and waitpid(2)
        without a pid leave no gap.
        """
        if self.group:
            self._look_at_shell()
            others = [collect(pid) for pid in children(os.getpid()) if pid != self.shell]
            if self.shell_status is None or not all(others):
                return True
            signal_group(self.group, signal.SIGKILL)
            self.group = 0
        return not _collect_all()

    def _look_at_shell(self) -> None:
        ended = os.waitid(os.P_PID, self.shell, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is not None:
            exited = ended.si_code == os.CLD_EXITED
            self.shell_status = ended.si_status if exited else -ended.si_status

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        self.cancelled = True


def _collect_all() -> bool:
    """Collect every dead child; whether there is no child any more."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return False
        except ChildProcessError:
            return True


def _prepare_signals(on_term: signal._HANDLER) -> tuple[int, int]:
    """Handlers, not SIG_IGN, which the work would inherit; and a pipe that wakes `poll` on a signal."""
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, _nothing)
    signal.signal(signal.SIGTERM, on_term)
    return read, write


def _nothing(number: int, frame: FrameType | None) -> None:
    """Only wakes `poll`."""


def _keep_descriptors(kept: set[int]) -> None:
    """Close every other descriptor; the standard ones become /dev/null, as our caller reads the command's."""
    locks.close_inherited()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            _close(int(name))


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return  # the one with which the list was read


def _drain(descriptor: int) -> None:
    try:
        while len(os.read(descriptor, 4096)) == 4096:
            pass
    except BlockingIOError:
        return
