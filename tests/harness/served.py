"""A program whose turns are done by a daemon that its first command starts, and what such daemons do wrong.

`served.py turn MESSAGE URL FLAW…` is the command, `served.py serve FLAW…` the daemon, which gets its socket as standard
input. Each turn has a process of its own below the daemon, in which no descendant is lost: it is a subreaper.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from typing import Any

SOCKET, PID, LOCK = "socket", "pid", "lock"  # in the home, which is the working directory
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER (prctl(2))


def turn(message: str, url: str, flaws: list[str]) -> int:
    """Have the daemon do the turn, and start it first if there is none."""
    connection = socket.socket(socket.AF_UNIX)
    with open(LOCK, "w") as lock:  # noqa: PTH123
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            connection.connect(SOCKET)
        except OSError:
            start(flaws)
            connection.connect(SOCKET)
    connection.sendall(json.dumps([message, url]).encode() + b"\n")
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    print(answer.decode())  # noqa: T201
    return 0 if answer else 1


def start(flaws: list[str]) -> None:
    """Start the daemon on a socket that listens already, so that nobody has to wait for it."""
    with suppress(FileNotFoundError):
        os.unlink(SOCKET)  # noqa: PTH108
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(SOCKET)
    listener.listen()
    daemon = subprocess.Popen(
        [sys.executable, "-S", "-E", __file__, "serve", *flaws], stdin=listener, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    note(PID, daemon.pid)


def note(name: str, pid: int) -> None:
    """Say in a file which process it is."""
    with open(name, "w") as file:  # noqa: PTH123
        file.write(str(pid))


def serve(flaws: list[str]) -> None:
    """Take one turn after the other, each in a process of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if "stays" in flaws:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    held = open("held", "w")  # noqa: PTH123, SIM115 - as long as it lives
    fcntl.flock(held, fcntl.LOCK_EX)
    port = socket.create_server(("127.0.0.1", 0))
    listener = socket.socket(fileno=0)
    if "helper" in flaws:
        subprocess.Popen(["sleep", "600"])
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            held.close()
            port.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            work(connection, flaws)
            os._exit(0)
        connection.close()


def work(connection: socket.socket, flaws: list[str]) -> None:
    """One turn: ask, run what is asked for, and leave nothing of it behind."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    message, url = json.loads(connection.makefile().readline())
    messages: list[dict[str, Any]] = [{"role": "user", "content": message}]
    try:
        while (said := ask(url, messages))["type"] == "tool_use":
            tool = subprocess.Popen(["/bin/sh", "-c", said["input"]["command"]], start_new_session=True)
            if "names-the-tool" in flaws:
                note(PID, tool.pid)
            if not waited_for(tool, connection):
                return
            result = {"type": "tool_result", "tool_use_id": said["id"], "content": "done"}
            messages += [{"role": "assistant", "content": [said]}, {"role": "user", "content": [result]}]
        connection.sendall(json.dumps({"ok": True, "text": said["text"]}).encode())
    finally:
        if "leaves-tools" not in flaws:
            end_all()


def ask(url: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What the model says next: a text, or the use of a tool."""
    body = json.dumps({"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": messages}).encode()
    headers = {"content-type": "application/json", "x-api-key": "sk-ant-fake", "anthropic-version": "2023-06-01"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/messages", body, headers)) as answer:
        return json.load(answer)["content"][0]


def waited_for(tool: subprocess.Popen[bytes], connection: socket.socket) -> bool:
    """Whether the tool ended before the command that had asked for it."""
    ended = os.pidfd_open(tool.pid)
    ready = select.select([ended, connection], [], [])[0]
    return ended in ready


def end_all() -> None:
    """Kill what is below us until there is nothing."""
    with suppress(ChildProcessError):
        while True:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
                for pid in map(int, file.read().split()):
                    os.kill(pid, signal.SIGKILL)
            os.wait()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["turn", message, url, *flaws]:
            sys.exit(turn(message, url, flaws))
        case ["serve", *flaws]:
            serve(flaws)
