"""The launcher: a small single-threaded process that starts every program of a run, and outlives the harness.

It exists for three reasons. A fork of the test process would copy its threads, sockets and locks; a fork of this one
copies nothing. It is a child subreaper (prctl(2)), so whatever a target detaches stays below it and can be found. And
when the harness dies, however it dies, the socket closes: the launcher then kills everything below it, removes the
run's folder, and ends. It decides nothing and judges nothing.

Run as `python -m harness.processes.launcher FD`, where FD is a SOCK_SEQPACKET socket that carries one JSON document a
message: {"op": "spawn" | "guard" | "sweep"} in, {"op": "spawned" | "exited" | "swept" | "failed"} out.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from harness.conductor import kernel
from harness.processes import scripts, stat
from harness.processes.child import Pipes, become, changed_signals
from harness.processes.folders import remove

MAX_MESSAGE = 1 << 20  # bytes; the kernel may grant less (net.core.wmem_max)
_SWEEP_SECONDS = 10.0
_LAST_SWEEP_SECONDS = 60.0  # nobody waits for this one
_BETWEEN_PASSES = 0.001  # seconds


@dataclass(frozen=True, slots=True)
class _Child:
    """A program that was started: under which request, and the pipe that says why it could not become one."""

    request: int
    failure: int


class Launcher:
    """The loop: requests from the harness, deaths of children, the harness's own end."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.children: dict[int, _Child] = {}  # by pid
        self.guarded: list[str] = []
        self.signals: tuple[int, ...] = ()  # of those that are not at their default here

    def serve(self) -> None:
        """Serve until the harness is gone, then clear everything away."""
        wake = _wake_on_death()
        self.signals = changed_signals()
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(self.control, select.POLLIN)
        try:
            while True:
                ready = {descriptor for descriptor, _ in poll.poll()}
                if wake in ready:
                    os.read(wake, 4096)
                self.reap()
                if self.control.fileno() in ready and not self.handle():
                    return
        finally:
            self.sweep(_LAST_SWEEP_SECONDS)
            for folder in self.guarded:
                remove(folder)

    def handle(self) -> bool:
        """Answer one request. False at the end of the conversation."""
        try:
            message = self.control.recv(MAX_MESSAGE)
        except ConnectionError:
            return False
        if not message:
            return False
        request = json.loads(message)
        if request["op"] == "spawn":
            self.spawn(request)
        elif request["op"] == "guard":
            self.guarded = request["folders"]
        elif request["op"] == "sweep":
            self.tell({"op": "swept", "killed": self.sweep(_SWEEP_SECONDS)})
        return True

    def tell(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Send one message; a harness that is gone is noticed by the next read."""
        with suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self.control, [json.dumps(message).encode()], descriptors)

    def spawn(self, request: dict[str, Any]) -> None:
        """Fork, and hand over the child's pid, a pidfd, and its seccomp listener if one was asked for."""
        pipes = None
        try:
            if request["script"]:
                scripts.prepare(request["argv"][0])
            pipes = Pipes.make()
            pid = os.fork()
        except (OSError, SyntaxError, ValueError) as error:  # out of descriptors, of processes; not a program
            if pipes is not None:
                pipes.close()
            self.tell({"op": "failed", "id": request["id"], "message": str(error)})
            return
        if pid == 0:
            become(request, pipes, self.signals)
        pipes.close_childs_ends()
        descriptors: list[int] = []
        try:
            descriptors.append(os.pidfd_open(pid))
            refusal = _take_listener(pipes, descriptors)
        except OSError as error:
            os.kill(pid, signal.SIGKILL)  # our own unreaped child
            os.close(pipes.failure[0])
            self.tell({"op": "failed", "id": request["id"], "message": str(error)})
        else:
            self.children[pid] = _Child(request["id"], pipes.failure[0])
            reply = {"op": "spawned", "id": request["id"], "pid": pid, "refusal": refusal}
            start_time = stat.start_time(pid)
            with suppress(BrokenPipeError):  # it ended already: `reap` tells how
                os.write(pipes.go[1], b"!")  # before anybody knows of it, who might take it for one that sleeps
            self.tell({**reply, "start_time": start_time}, tuple(descriptors))
        finally:
            for descriptor in (pipes.listener[0], pipes.go[1], *descriptors):
                os.close(descriptor)

    def reap(self) -> None:
        """Collect every child that ended, adopted orphans included, and report those that were asked for."""
        while (pid := _ended()) is not None:
            queued = stat.queued(pid)
            _, status, used = os.wait4(pid, 0)
            child = self.children.pop(pid, None)
            if child is not None:
                failure = os.read(child.failure, 4096).decode(errors="replace")
                os.close(child.failure)
                code = os.waitstatus_to_exitcode(status)
                used_up = {"cpu": used.ru_utime + used.ru_stime, "queued": queued}
                self.tell({"op": "exited", "id": child.request, "code": code, "not_started": failure, **used_up})

    def sweep(self, seconds: float) -> int:
        """Kill everything below this process and reap it, in passes, for at most so long; gives how many there were."""
        killed: set[tuple[int, int]] = set()
        give_up = time.monotonic() + seconds
        while (below := stat.below(os.getpid())) and time.monotonic() < give_up:
            killed |= {identity for identity in below.items() if _kill(*identity)}
            self.reap()
            select.select([], [], [], _BETWEEN_PASSES)
            self.reap()
        return len(killed)


def _ended() -> int | None:
    """A child that has ended, and is still there to be looked at."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return ended.si_pid if ended is not None else None


def _take_listener(pipes: Pipes, descriptors: list[int]) -> str:
    """Wait for what the child says of its filter, and add a copy of the listener. Gives the kernel's refusal, or "".

    It has said all when it closes the pipe; one without a filter, or that fails before, says nothing.
    """
    answer = b"".join(iter(lambda: os.read(pipes.listener[0], 256), b"")).decode()
    number, _, refusal = answer.partition(" ")
    if number and not refusal:
        descriptors.append(kernel.borrow_descriptor(descriptors[0], int(number)))
    return refusal


def _kill(pid: int, started: int) -> bool:
    """SIGKILL to the process with this start time. False when it is gone."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if stat.start_time(pid) != started:
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)
    return True


def _wake_on_death() -> int:
    """Make the death of children readable on a descriptor, and everything else that a terminal sends harmless."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)
    return wake_read


def main() -> None:
    """Serve the socket whose number is the only argument."""
    kernel.become_subreaper()
    os.environ.clear()  # whatever is started has its own
    Launcher(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()
