"""What happens between fork and exec: a child of the launcher takes on a program's session, streams, limits, filter.

Nothing here may raise into the launcher's own code, of which the child is a copy: it becomes the program, or it says
why not on a pipe that exec would have closed, and ends.
"""

from __future__ import annotations

import os
import resource
import signal
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from harness.conductor import kernel
from harness.processes import scripts

EXIT_NOT_STARTED = 127  # as the shell says "command not found"
_FATAL = (OSError, ValueError, OverflowError, AttributeError)  # the latter: bad limits, NUL bytes, unencodable names


@dataclass(frozen=True, slots=True)
class Pipes:
    """Three pipes between the launcher and a child, as (read end, write end)."""

    listener: tuple[int, int]  # what the child says of its filter
    go: tuple[int, int]  # the launcher's leave to exec: the harness can listen now
    failure: tuple[int, int]  # why it could not be done; closed by exec

    @classmethod
    def make(cls) -> Pipes:
        """Raises OSError, with nothing left open."""
        made: list[tuple[int, int]] = []
        try:
            for _ in range(3):
                made.append(os.pipe())
        except OSError:
            for pair in made:
                os.close(pair[0])
                os.close(pair[1])
            raise
        return cls(*made)

    def close(self) -> None:
        for pair in (self.listener, self.go, self.failure):
            os.close(pair[0])
            os.close(pair[1])

    def close_childs_ends(self) -> None:
        for descriptor in (self.listener[1], self.go[0], self.failure[1]):
            os.close(descriptor)


def changed_signals() -> tuple[int, ...]:
    """The signals that this process ignores or handles. Asked once, before any fork: sixty calls, and their pages."""
    return tuple(number for number in signal.valid_signals() if signal.getsignal(number) != signal.SIG_DFL)


def become(request: dict[str, Any], pipes: Pipes, signals: Sequence[int]) -> NoReturn:
    """Become the requested program, or run it in this process if it is a script that the launcher has compiled.

    `signals` are those that are not at their default.
    """
    try:
        _prepare(request, pipes, signals)
        if request["script"]:
            os.close(pipes.failure[1])
            scripts.run(scripts.prepare(request["argv"][0]), request["argv"], request["env"])
        os.execve(request["argv"][0], request["argv"], request["env"])
    except _FATAL as error:
        os.write(pipes.failure[1], f"{request['argv'][0]}: {error}".encode(errors="backslashreplace")[:4096])
    finally:
        os._exit(EXIT_NOT_STARTED)


def _prepare(request: dict[str, Any], pipes: Pipes, signals: Sequence[int]) -> None:
    os.setsid()
    _reset_signals(signals)
    _close_all_but(pipes.listener[1], pipes.go[0], pipes.failure[1])
    closed = [number for number in range(3) if not _open_stream(number, request["streams"][number])]
    os.chdir(request["cwd"])
    for name, value in request["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    _announce_listener(request["filter"], request["interruptible"], pipes.listener[1])
    os.close(pipes.listener[1])
    os.read(pipes.go[0], 1)
    os.close(pipes.go[0])
    for number in closed:
        os.close(number)


def _reset_signals(changed: Sequence[int]) -> None:
    """Every signal unblocked and at its default: Python ignores some, and a caller may have (nohup)."""
    signal.set_wakeup_fd(-1)
    kernel.default_signals(changed)


def _close_all_but(*keep: int) -> None:
    low = 3
    for descriptor in sorted(keep):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, 1 << 16)


def _open_stream(number: int, where: str) -> bool:
    """Put a file on a standard descriptor. False when the program is to start with it closed."""
    flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # Without O_NONBLOCK the opening of a pipe that nobody holds would block, and the launcher with it.
    descriptor = os.open("/dev/null" if where == "closed" else where, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o600)
    # A pipe for output stays as a parent may leave it, Node for one: nothing waits there that does not wait by itself.
    os.set_blocking(descriptor, number == 0 or not stat.S_ISFIFO(os.fstat(descriptor).st_mode))
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.set_inheritable(number, True)
    return where != "closed"


def _announce_listener(filter_hex: str | None, interruptible: bool, listener_write: int) -> None:
    """Say which descriptor will listen, "5", and install the filter; where it is refused, say why: "5 reason".

    It listens once the pipe is closed: behind the filter each write from here could be stopped already, and so could a
    sendmsg, which is why the launcher copies the descriptor itself.
    """
    if filter_hex is None:
        return
    number = os.dup(0)  # whatever it is, until the listener takes its place
    os.write(listener_write, f"{number} ".encode())
    try:
        listener = kernel.install_filter(bytes.fromhex(filter_hex), interruptible=interruptible)
    except OSError as error:
        os.write(listener_write, f"{error.strerror or error}".encode())
        os.close(number)
    else:
        os.dup2(listener, number, inheritable=False)
        os.close(listener)
