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
import resource
import select
import shutil
import signal
import socket
import sys
import time
from typing import Any

from harness.conductor import kernel

MAX_MESSAGE = 1 << 20
EXIT_NOT_STARTED = 127  # as the shell says "command not found"
_SWEEP_SECONDS = 10.0


class Launcher:
    """The loop: requests from the harness, deaths of children, the harness's own end."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.spawned: dict[int, int] = {}  # pid -> request id
        self.guarded: list[str] = []

    def serve(self) -> None:
        """Serve until the harness is gone, then clear everything away."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(ignored, signal.SIG_IGN)
        poll = select.poll()
        poll.register(wake_read, select.POLLIN)
        poll.register(self.control, select.POLLIN)
        try:
            while True:
                ready = {descriptor for descriptor, _ in poll.poll()}
                if wake_read in ready:
                    os.read(wake_read, 4096)
                self.reap()
                if self.control.fileno() in ready and not self.handle():
                    return
        finally:
            self.sweep()
            for folder in self.guarded:
                shutil.rmtree(folder, ignore_errors=True)

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
            self.tell({"op": "swept", "killed": self.sweep()})
        return True

    def tell(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Send one message; a harness that is gone is noticed by the next read."""
        data = json.dumps(message).encode()
        try:
            socket.send_fds(self.control, [data], descriptors)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def spawn(self, request: dict[str, Any]) -> None:
        """Fork, and hand over the child's pid, a pidfd, and its seccomp listener if one was asked for."""
        listener_read, listener_write = os.pipe()
        ready_read, ready_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become(request, listener_write, ready_read, keep=(listener_write, ready_read))
        os.close(listener_write)
        os.close(ready_read)
        self.spawned[pid] = request["id"]
        pidfd = os.pidfd_open(pid)
        descriptors = [pidfd]
        try:
            answer = os.read(listener_read, 64)
            if answer.startswith(b"L"):
                descriptors.append(kernel.borrow_descriptor(pidfd, int(answer[1:])))
            refusal = answer[1:].decode() if answer.startswith(b"E") else ""
            start_time = start_time_of(pid)
            reply = {"op": "spawned", "id": request["id"], "pid": pid, "start_time": start_time, "refusal": refusal}
            self.tell(reply, tuple(descriptors))
            os.write(ready_write, b"!")
        except OSError as error:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            self.tell({"op": "failed", "id": request["id"], "message": str(error)})
        finally:
            for descriptor in (listener_read, ready_write, *descriptors):
                os.close(descriptor)

    def reap(self) -> None:
        """Collect every child that ended, adopted orphans included, and report those that were asked for."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            request = self.spawned.pop(pid, None)
            if request is not None:
                self.tell({"op": "exited", "id": request, "code": os.waitstatus_to_exitcode(status)})

    def sweep(self) -> int:
        """Kill everything below this process and reap it; what a killed parent leaves becomes our child next round."""
        killed: set[int] = set()
        give_up = time.monotonic() + _SWEEP_SECONDS
        while (children := children_of(os.getpid())) and time.monotonic() < give_up:
            for child in children:
                try:
                    os.kill(child, signal.SIGKILL)  # our own unreaped child: the pid cannot have been reused
                    killed.add(child)
                except ProcessLookupError:
                    continue
            select.select([], [], [], 0.002)
            self.reap()
        return len(killed)


def children_of(parent: int) -> list[int]:
    """The living or unreaped children of a process, from /proc."""
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs start-up time here
        if entry.isdigit() and (fields := _stat(entry)) and int(fields[1]) == parent:
            found.append(int(entry))
    return found


def start_time_of(pid: int) -> int:
    """A process's start time in clock ticks since boot (proc(5), field 22): with the pid, its identity."""
    fields = _stat(str(pid))
    return int(fields[19]) if fields else 0


def _stat(entry: str) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on, or None when the process is gone."""
    try:
        with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123 - as above
            return file.read().decode(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _become(request: dict[str, Any], listener_write: int, ready_read: int, keep: tuple[int, ...]) -> None:
    """In the child: take on the program's session, streams, limits and filter, then become it. Never returns."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        _close_all_but(keep)
        closed = [n for n in range(3) if not _open_stream(n, request["streams"][n])]
        os.chdir(request["cwd"])
        for name, value in request.get("limits", {}).items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
        _announce_listener(request.get("filter"), listener_write)
        os.close(listener_write)
        os.read(ready_read, 1)  # the harness listens now
        os.close(ready_read)
        for number in closed:
            os.close(number)
        os.execve(request["argv"][0], request["argv"], request["env"])
    except OSError as error:
        os.write(2, f"not started: {request['argv'][0]}: {error}\n".encode())
    finally:
        os._exit(EXIT_NOT_STARTED)


def _announce_listener(filter_hex: str | None, listener_write: int) -> None:
    """Install the filter and say which descriptor listens: "L5", "E reason" where it was refused, "-" for none.

    The launcher copies the descriptor itself, because a sendmsg from here could already be stopped by the filter. The
    pipe is above descriptor 2, where a filter may stop writes too, so it is moved onto 0 for that one write.
    """
    if filter_hex is None:
        os.write(listener_write, b"-")
        return
    saved = os.dup(0)
    os.dup2(listener_write, 0)
    try:
        listener = kernel.install_filter(bytes.fromhex(filter_hex))
    except OSError as error:
        os.write(0, f"E{error.strerror or error}".encode())
    else:
        os.set_inheritable(listener, False)
        os.write(0, f"L{listener}".encode())
    os.dup2(saved, 0)
    os.close(saved)


def _close_all_but(keep: tuple[int, ...]) -> None:
    low = 3
    for descriptor in sorted(keep):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, 1 << 16)


def _open_stream(number: int, where: str) -> bool:
    """Put a file on a standard descriptor. False when the program is to start with it closed."""
    flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open("/dev/null" if where == "closed" else where, flags, 0o600)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.set_inheritable(number, True)
    return where != "closed"


def main() -> None:
    """Serve the socket whose number is the only argument."""
    os.setsid()
    kernel.become_subreaper()
    Launcher(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()
