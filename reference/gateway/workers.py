"""The processes that do the gateway's runs.

A worker is this same program, so that a variant's gateway has a variant's workers. It gets its request in
an anonymous file (no size limit, not visible in the process list) and holds the read end of a pipe whose
only write end is the gateway's: when the gateway dies, however, the worker is told by the kernel and ends
its run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from reference.gateway import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts
    from reference.request import Request


class Worker:
    """One running worker. `output` and `exit_fd` are descriptors to wait on."""

    __slots__ = ("_lifeline", "_lines", "document", "exit_fd", "output", "process", "request")

    def __init__(self, parts: Parts, request: Request) -> None:
        self.request = request
        self.document: dict[str, Any] | None = None
        self._lines = protocol.Lines()
        read_end, self._lifeline = os.pipe()
        try:
            self.process = _start(parts, request, read_end)
        except OSError:
            os.close(self._lifeline)
            raise
        finally:
            os.close(read_end)
        assert self.process.stdout is not None
        self.output = self.process.stdout.fileno()
        os.set_blocking(self.output, False)
        try:
            self.exit_fd = os.pidfd_open(self.process.pid)
        except OSError:  # out of descriptors: a worker that nobody hears of must not go on
            self.process.kill()
            self.process.communicate()
            os.close(self._lifeline)
            raise

    def events(self) -> list[dict[str, Any]]:
        """What the worker said since the last call; its final document is kept as `document`."""
        events = []
        for data in self._lines.feed(self._read()):
            line = protocol.decode(data)
            if line is not None and "event" in line:
                events.append(line)
            elif line is not None and "ok" in line:
                self.document = line
        return events

    def signal(self, number: int) -> None:
        """Send a signal; harmless when the worker has ended (it is not reaped before `close`)."""
        self.process.send_signal(number)

    def close(self) -> int:
        """Reap an ended worker and free its descriptors; its exit status as a shell would say it."""
        status = self.process.wait()
        os.close(self.exit_fd)
        os.close(self._lifeline)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return 128 - status if status < 0 else status

    def _read(self) -> bytes:
        parts = []
        try:
            while data := os.read(self.output, 65536):
                parts.append(data)
        except BlockingIOError:
            pass
        return b"".join(parts)


def _start(parts: Parts, request: Request, lifeline: int) -> subprocess.Popen[bytes]:
    """Start the worker in a session of its own: a Ctrl-C in the terminal is for the gateway alone."""
    file = os.memfd_create("request")
    try:
        os.write(file, json.dumps(request.fields()).encode())
        os.lseek(file, 0, os.SEEK_SET)
        return subprocess.Popen(
            [sys.executable, *parts.program, "gateway", "worker", "--lifeline", str(lifeline), "--json"],
            stdin=file,
            stdout=subprocess.PIPE,
            pass_fds=(lifeline,),
            start_new_session=True,
        )
    finally:
        os.close(file)


def read_request() -> dict[str, Any]:
    """In the worker: the request on standard input, which then is /dev/null for the tools."""
    data = b""
    while part := os.read(0, 65536):
        data += part
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.close(null)
    fields = protocol.decode(data)
    return fields if fields is not None else {}
