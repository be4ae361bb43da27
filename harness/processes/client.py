"""The harness's side of the launcher: start programs, know how they ended, signal them by identity."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import LabError
from harness.processes import tree
from harness.processes.launcher import MAX_MESSAGE

_ROOT = Path(__file__).resolve().parents[2]
_MAX_ANSWER = 1 << 16  # bytes
_SEND_SECONDS = 15.0  # longer than a sweep, during which the launcher does not listen
_STOP_SECONDS = 90.0  # longer than its last sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to start: the whole environment is given, nothing is inherited.

    Each stream is a file's path, or "closed". `filter` is a seccomp program, None for none; with `interruptible` a
    signal interrupts a stopped call (EINTR), which else waits for its answer as a call on a file would. A call that a
    signal interrupts just as it is answered is then asked, and counted, twice (seccomp_unotify(2)). A `script` starts
    in a tenth of the time, and finds the launcher's modules loaded (see scripts.py).
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    stdin: str = "/dev/null"
    stdout: str = "/dev/null"
    stderr: str = "/dev/null"
    filter: bytes | None = None
    interruptible: bool = False
    limits: Mapping[str, int] = field(default_factory=dict)
    script: bool = False  # argv begins with a Python file, to be run in a fork of the launcher


class Process:
    """A started program. `pidfd` makes every signal certain to reach it and nobody else."""

    def __init__(self, pid: int, start_time: int, pidfd: int, listener: int | None, refusal: str) -> None:
        self.pid = pid
        self.start_time = start_time
        self.pidfd = pidfd
        self.listener = listener
        self.refusal = refusal  # why the kernel would not give a listener; "" if it did or was not asked
        # once it has exited: seconds of processor time, of it and of all descendants that were waited for
        self.cpu = 0.0
        self.queued = 0.0  # once it has exited: seconds in which it could have run, and others had the processors
        self.not_started = ""  # once it has exited: why the program could not be started; "" if it was
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def signal(self, number: int) -> bool:
        """Send a signal to this very process. False when it has ended."""
        if self.pidfd < 0:
            return False
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return False
        return True

    def signal_group(self, number: int) -> bool:
        """Send a signal to the process group that it leads. False when the group is gone."""
        if self.exited.done():  # the number may belong to somebody else by now
            return False
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """Let go of the process; `listener` is its supervisor's to close."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


class LauncherClient:
    """Owns one launcher process. All methods belong to the running loop."""

    def __init__(self, control: socket.socket, launcher: subprocess.Popen[bytes]) -> None:
        self.dead = False
        self._control = control
        self._launcher = launcher
        self._mark = f"{launcher.pid}-{secrets.token_hex(8)}"
        self._next = 0
        self._spawning: dict[int, asyncio.Future[Process]] = {}
        self._running: dict[int, Process] = {}
        self._swept: asyncio.Future[int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def pid(self) -> int:
        return self._launcher.pid

    @classmethod
    def start(cls) -> LauncherClient:
        """Start the launcher. Raises LabError when Python cannot be started."""
        environment = {"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise LabError(f"the launcher could not be started: {error}") from error
        with theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_MESSAGE)
            argv = [sys.executable, "-m", "harness.processes.launcher", str(theirs.fileno())]
            try:
                launcher = subprocess.Popen(
                    argv,
                    pass_fds=[theirs.fileno()],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    cwd="/",
                    start_new_session=True,
                )  # fmt: skip - a session of its own, so that a terminal's Ctrl-C reaches the harness alone
            except OSError as error:
                ours.close()
                raise LabError(f"the launcher could not be started: {error}") from error
        ours.setblocking(False)
        return cls(ours, launcher)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let this loop hear the launcher."""
        self._loop = loop
        loop.add_reader(self._control, self._on_message)

    def stop(self) -> None:
        """End the launcher; it clears away whatever still runs below it. Raises LabError when it does not end."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._control)
        self._control.close()
        try:
            self._launcher.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._launcher.kill()
            self._launcher.wait()
            raise LabError(
                f"processes below the launcher could not be killed within {_STOP_SECONDS:g} s",
                hint="look for processes in state D (a hanging disk or network file system)",
            ) from None

    async def spawn(self, program: Program) -> Process:
        """Start a program; what could not be started exits with `not_started` set.

        With a filter its first stopped call waits until somebody listens. Raises LabError when no process can be had.
        """
        if not program.argv:
            raise LabError("there is nothing to start: the command line is empty")
        self._next += 1
        number = self._next
        request = {
            "op": "spawn", "id": number, "argv": list(program.argv), "cwd": program.cwd, "limits": dict(program.limits),
            "env": {**program.env, tree.LAUNCHER_VARIABLE: self._mark},
            "streams": [program.stdin, program.stdout, program.stderr],
            "filter": program.filter.hex() if program.filter else None, "interruptible": program.interruptible,
            "script": program.script,
        }  # fmt: skip
        self._send(request)
        future: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._spawning[number] = future
        return await future

    def guard(self, folders: list[Path]) -> None:
        """These folders are to be removed when the harness ends, however it ends."""
        self._send({"op": "guard", "folders": [str(folder) for folder in folders]})

    async def sweep(self) -> int:
        """Kill every process below the launcher; gives how many there were."""
        swept = self._swept = asyncio.get_running_loop().create_future()
        self._send({"op": "sweep"})
        killed: int = await swept
        return killed

    def _send(self, message: Mapping[str, Any]) -> None:
        if self.dead:
            raise _gone()
        data = json.dumps(message).encode()
        if len(data) >= MAX_MESSAGE:
            raise _too_long(len(data))
        try:
            writable = select.poll()
            writable.register(self._control, select.POLLOUT)
            writable.poll(_SEND_SECONDS * 1000)
            self._control.send(data)
        except OSError as error:
            raise _too_long(len(data)) if error.errno == errno.EMSGSIZE else _gone(str(error)) from error

    def _on_message(self) -> None:
        try:
            data, descriptors, flags, _address = socket.recv_fds(self._control, _MAX_ANSWER, 4)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            data, descriptors, flags = b"", [], 0
        if not data:
            self._launcher_died()
            return
        message = json.loads(data)
        match message["op"]:
            case "spawned" if flags & socket.MSG_CTRUNC:
                self._on_truncated(message, descriptors)
            case "spawned":
                self._on_spawned(message, *descriptors)
            case "exited":
                self._on_exited(message)
            case "failed":
                _fail(self._spawning.pop(message["id"]), LabError(f"no process can be had: {message['message']}"))
            case "swept":
                if self._swept and not self._swept.done():
                    self._swept.set_result(message["killed"])

    def _on_spawned(self, message: Mapping[str, Any], pidfd: int, listener: int | None = None) -> None:
        process = Process(message["pid"], message["start_time"], pidfd, listener, message["refusal"])
        self._running[message["id"]] = process
        future = self._spawning.pop(message["id"])
        if not future.done():
            future.set_result(process)
            return
        process.signal(signal.SIGKILL)  # whoever wanted it was cancelled: nobody would ever supervise it
        process.close()
        if listener is not None:
            os.close(listener)

    def _on_truncated(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        """We are out of descriptors, so the kernel dropped some of those that came with the message."""
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ProcessLookupError):  # the launcher reaps it only after this message, hardly before we read it
            os.kill(message["pid"], signal.SIGKILL)
        failure = LabError("the harness is out of descriptors", hint="raise the limit: ulimit -n 4096")
        _fail(self._spawning.pop(message["id"]), failure)

    def _on_exited(self, message: Mapping[str, Any]) -> None:
        process = self._running.pop(message["id"], None)
        if process is not None and not process.exited.done():
            process.not_started = message["not_started"]
            process.cpu, process.queued = message["cpu"], message["queued"]
            process.exited.set_result(message["code"])

    def _launcher_died(self) -> None:
        """Nothing can be started or swept any more: kill what it had started, and fail whoever waits."""
        self.dead = True
        if self._loop is not None:
            self._loop.remove_reader(self._control)
        for process in self._running.values():
            process.signal(signal.SIGKILL)
        give_up = time.monotonic() + _SEND_SECONDS
        while (marked := tree.marked(self._mark)) and time.monotonic() < give_up:
            for pid in marked:
                _kill(pid)
        for waiting in self._spawning.values():
            _fail(waiting, _gone())
        for process in self._running.values():
            _fail(process.exited, _gone())
        if self._swept is not None:
            _fail(self._swept, _gone())


def _gone(why: str = "") -> LabError:
    return LabError(
        f"the launcher is gone{f': {why}' if why else ''}; the programs that it had started were killed",
        hint="was it killed, perhaps for want of memory (dmesg)? Run the same command again",
    )


def _too_long(size: int) -> LabError:
    return LabError(f"a command with an environment of {size} bytes is too long to start", hint="shorten its arguments")


def _fail(future: asyncio.Future[Any], failure: LabError) -> None:
    if not future.done():
        future.set_exception(failure)
        future.exception()  # whether or not anybody waits for it


def _kill(pid: int) -> None:
    with suppress(OSError):
        pidfd = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)
