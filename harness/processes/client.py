"""The harness's side of the launcher: start programs, know how they ended, signal them by identity."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import LabError
from harness.processes.launcher import MAX_MESSAGE

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to start: the whole environment is given, nothing is inherited.

    Each stream is a file's path, or "closed". `filter` is a seccomp program, None for none.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    stdin: str = "/dev/null"
    stdout: str = "/dev/null"
    stderr: str = "/dev/null"
    filter: bytes | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


class Process:
    """A started program. `pidfd` makes every signal certain to reach it and nobody else."""

    def __init__(self, pid: int, start_time: int, pidfd: int, listener: int | None, refusal: str) -> None:
        self.pid = pid
        self.start_time = start_time
        self.pidfd = pidfd
        self.listener = listener
        self.refusal = refusal  # why the kernel would not give a listener; "" if it did or was not asked
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def signal(self, number: int) -> bool:
        """Send a signal to this very process. False when it has ended."""
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
        os.close(self.pidfd)


class LauncherClient:
    """Owns one launcher process. All methods belong to the running loop."""

    def __init__(self, control: socket.socket, launcher: subprocess.Popen[bytes]) -> None:
        self._control = control
        self._launcher = launcher
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
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_MESSAGE)
        argv = [sys.executable, "-m", "harness.processes.launcher", str(theirs.fileno())]
        environment = {"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            launcher = subprocess.Popen(
                argv, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, cwd="/"
            )
        except OSError as error:
            raise LabError(f"the launcher could not be started: {error}") from error
        theirs.close()
        ours.setblocking(False)
        return cls(ours, launcher)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let this loop hear the launcher."""
        self._loop = loop
        loop.add_reader(self._control, self._on_message)

    def stop(self) -> None:
        """End the launcher; it clears away whatever still runs below it."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._control)
        self._control.close()
        self._launcher.wait(timeout=30)

    async def spawn(self, program: Program) -> Process:
        """Start a program. It does not run its first instruction before this returned. Raises LabError."""
        self._next += 1
        future: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._spawning[self._next] = future
        streams = [program.stdin, program.stdout, program.stderr]
        request = {
            "op": "spawn", "id": self._next, "argv": list(program.argv), "env": dict(program.env), "cwd": program.cwd,
            "streams": streams, "limits": dict(program.limits), "filter": program.filter.hex() if program.filter else None,
        }  # fmt: skip
        self._send(request)
        return await future

    def guard(self, folders: list[Path]) -> None:
        """These folders are to be removed if the harness dies."""
        self._send({"op": "guard", "folders": [str(folder) for folder in folders]})

    async def sweep(self) -> int:
        """Kill every process below the launcher; gives how many there were."""
        self._swept = asyncio.get_running_loop().create_future()
        self._send({"op": "sweep"})
        return await self._swept

    def _send(self, message: Mapping[str, Any]) -> None:
        data = json.dumps(message).encode()
        if len(data) > MAX_MESSAGE:
            raise LabError(f"a command of {len(data)} bytes is too long to start", hint="shorten its arguments")
        try:
            self._control.send(data)
        except OSError as error:
            raise LabError(f"the launcher is gone: {error}") from error

    def _on_message(self) -> None:
        try:
            data, descriptors, _flags, _address = socket.recv_fds(self._control, MAX_MESSAGE, 4)
        except BlockingIOError:
            return
        if not data:
            self._launcher_died()
            return
        message = json.loads(data)
        match message["op"]:
            case "spawned":
                self._on_spawned(message, descriptors)
            case "exited":
                if not (process := self._running.pop(message["id"])).exited.done():
                    process.exited.set_result(message["code"])
            case "failed":
                self._spawning.pop(message["id"]).set_exception(LabError(f"not started: {message['message']}"))
            case "swept":
                if self._swept and not self._swept.done():
                    self._swept.set_result(message["killed"])

    def _on_spawned(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        pidfd, *listener = descriptors
        process = Process(
            message["pid"], message["start_time"], pidfd, listener[0] if listener else None, message["refusal"]
        )
        self._running[message["id"]] = process
        future = self._spawning.pop(message["id"])
        if not future.done():
            future.set_result(process)

    def _launcher_died(self) -> None:
        assert self._loop is not None
        self._loop.remove_reader(self._control)
        failure = LabError("the launcher died", hint="its standard error above says why")
        waiting = [*self._spawning.values(), *(process.exited for process in self._running.values())]
        for future in [*waiting, *([self._swept] if self._swept else [])]:
            if not future.done():
                future.set_exception(failure)
