"""The gateway's end: one loop over the socket, the clients and the workers.

One thread, no locks. A run is recorded in the table before it is accepted. A client that goes away cancels
its run unless it asked to detach. SIGTERM and SIGINT drain: no new runs, the workers are told to end, their
results are still delivered, and after a bound they are killed; the exit status is 143 or 130 as for any
command. A worker keeps to its run's time-out itself; one that cannot, as it is stopped, is killed, whether or not
anybody waits for it.

A gateway that starts again takes nothing over from the one before it: whose workers have ended with it, however it
ended (see `workers`), whose runs are recorded as interrupted, and whose socket is replaced. It refuses to run any of
them again.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
from contextlib import suppress

from reference import stopping
from reference.deadline import Deadline
from reference.errors import EXIT_FAILED, Ambiguous, Local, OrchestratorError, Stopped, Usage, from_oserror
from reference.gateway import protocol
from reference.gateway.door import Door
from reference.gateway.workers import Worker
from reference.locks import Lock
from reference.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.home import Home
    from reference.parts import Parts

_BUFFER_LIMIT = 8 << 20  # bytes that a client has not read when there is more to say; then it counts as gone
_RECORD_SECONDS = 2.0  # for the database, while everybody else waits
_KILL_AFTER = 1.5  # seconds beyond the grace period; the client's patience (client.py) is longer


class Client:
    """One connection: what was received and what is still to be sent."""

    __slots__ = ("detached", "lines", "outbox", "socket", "worker")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.lines = protocol.Lines(protocol.LINE_LIMIT)
        self.outbox = bytearray()
        self.worker: Worker | None = None
        self.detached = False


class Server:
    """Everything one gateway owns."""

    def __init__(self, parts: Parts, home: Home, grace: float) -> None:
        self.parts = parts
        self.home = home
        self.grace = grace
        self.lock = Lock(home.lock("gateway"), code="gateway-running", what=f"the gateway of {home.path}")
        self.selector = selectors.DefaultSelector()
        self.listener = protocol.new_socket()
        self.door = Door(self.listener, self.selector, self._greet)
        self.clients: set[Client] = set()
        self.workers: dict[Worker, Client | None] = {}
        self.told: set[Worker] = set()  # to end
        self.last: dict[Worker, Deadline] = {}  # when it is killed, unless it has ended
        self.draining = False

    def listen(self) -> None:
        """Become the gateway of this state directory. Raises Busy(`gateway-running`), Local or OSError."""
        self.own()
        with self.parts.run_registry(self.home, Deadline.after(_RECORD_SECONDS)) as registry:
            registry.reconcile()  # what an earlier gateway left is interrupted from now on
        with protocol.Address(self.home) as address:
            before = os.umask(0o177)
            try:
                self.bind(address)
            finally:
                os.umask(before)
        self.listener.listen(128)
        self.listener.setblocking(False)
        self.door.open()

    def own(self) -> None:
        """Take the state directory, before anything in it is changed. Raises Busy(`gateway-running`)."""
        if not self.lock.try_acquire():
            raise self.lock.busy()

    def bind(self, address: str) -> None:
        """Take the address. We have the lock, so whoever made a socket there is gone; bind(2) refuses anything else."""
        try:
            if protocol.is_socket(address):
                os.unlink(address)
            self.listener.bind(address)
        except OSError as error:  # the address leads through a descriptor, and bind(2) names nothing
            error.filename, error.filename2 = os.path.join(self.home.path, protocol.SOCKET), None
            raise

    def serve(self) -> int:
        """Serve until stopped; the exit status."""
        stopping.hold()
        try:
            while True:
                self._step(Deadline.after(None))
        except Stopped as stopped:
            self._drain()
            return stopped.exit_status

    def _step(self, limit: Deadline) -> None:
        """Wait for something to happen, until the limit or a worker's last moment, and deal with it."""
        ends = (limit, self.door.shut_until or limit, *self.last.values())
        waits = [left for d in ends if (left := d.remaining()) is not None]
        with stopping.deliver():
            ready = self.selector.select(min(waits, default=None))
        for key, mask in ready:
            key.data(mask)
        for worker, end in self.last.items():
            if end.passed():
                worker.signal(signal.SIGKILL)
                self.last[worker] = Deadline.after(1.0)
        self.door.open_when_due()

    def _drain(self) -> None:
        """Take no more runs, end those that go on, and let their results reach the clients."""
        self.draining = True  # who has come in already may still ask
        self.door.shut()
        self.listener.close()
        for worker in self.workers:
            self._end(worker, signal.SIGTERM)
        with (
            suppress(OSError),
            protocol.Address(self.home) as address,
        ):  # gone, or it stays: the next gateway replaces it
            os.unlink(address)
        bound = Deadline.after(self.grace + _KILL_AFTER + 1.0)
        while (self.workers or any(c.outbox for c in self.clients)) and not bound.passed():
            self._step(bound)

    def _greet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        client = Client(connection)
        self.clients.add(client)
        self.selector.register(connection, selectors.EVENT_READ, lambda m: self._serve(client, m))
        self._send(client, {"event": "ready", "pid": os.getpid()})

    def _serve(self, client: Client, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush(client)
        if mask & selectors.EVENT_READ and client in self.clients:
            self._receive(client)

    def _receive(self, client: Client) -> None:
        try:
            data = client.socket.recv(65536)
            lines = list(client.lines.feed(data)) if data else None
        except BlockingIOError:
            return
        except (ConnectionError, ValueError):  # gone, or not speaking our protocol
            lines = None
        if lines is None:
            self._forget(client)
            return
        for line in lines:
            if client in self.clients:
                self._answer(client, protocol.decode(line) or {})

    def _answer(self, client: Client, line: dict[str, Any]) -> None:
        match line.get("op"):
            case "run" if client.worker is None:
                try:
                    self._run(client, line)
                except OrchestratorError as error:
                    self._refuse(client, error)
                except OSError as error:
                    self._refuse(client, from_oserror(error))
            case "cancel":
                if client.worker is not None:
                    self._end(client.worker, signal.SIGTERM)
            case "status":
                found = [worker.request.run_id for worker in self.workers]
                self._send(client, {"event": "status", "gateway": {"pid": os.getpid(), "runs": found}})
            case _:
                self._refuse(client, Usage("bad-request", "the gateway does not know this operation"))

    def _run(self, client: Client, line: dict[str, Any]) -> None:
        """Start the worker, record the run, and only then accept it."""
        if self.draining:
            raise Local(
                "gateway-stopping",
                "the gateway is about to end and takes no more runs; nothing was started",
                hint="start it again with `reference gateway run`, or use --local",
            )
        fields = line.get("request")
        request = Request.from_fields(fields if isinstance(fields, dict) else {})
        with self.parts.run_registry(self.home, Deadline.after(_RECORD_SECONDS)) as registry:
            if registry.knows(request.run_id):
                raise Usage("run-exists", f"there is a run {request.run_id} already", hint="use a new id")
            worker = self._start(client, request)
            try:
                run = registry.start(
                    request.run_id, request.agent, request.session, pid=worker.process.pid, via="gateway"
                )
            except (OrchestratorError, OSError):
                self.workers[worker] = None
                self._end(worker, signal.SIGTERM)
                raise
        client.worker = worker
        client.detached = bool(line.get("detach"))
        names = ("id", "agent", "session", "status", "pid", "started")
        self._send(client, {"event": "accepted", "run": {name: run[name] for name in names}})

    def _start(self, client: Client, request: Request) -> Worker:
        worker = Worker(self.parts, request)
        self.workers[worker] = client
        if request.timeout is not None:
            self.last[worker] = Deadline.after(request.timeout + self.grace + _KILL_AFTER)
        self.selector.register(worker.output, selectors.EVENT_READ, lambda m: self._hear(worker))
        self.selector.register(worker.exit_fd, selectors.EVENT_READ, lambda m: self._reap(worker))
        return worker

    def _hear(self, worker: Worker) -> None:
        """Pass on what a worker says; it may have been reaped by an event of the same round."""
        if worker not in self.workers:
            return
        for event in worker.events():
            client = self.workers[worker]
            if client is not None:
                self._send(client, event)

    def _reap(self, worker: Worker) -> None:
        """A worker has ended: deliver its result and free what it had."""
        self._hear(worker)
        self.selector.unregister(worker.output)
        self.selector.unregister(worker.exit_fd)
        client = self.workers.pop(worker)
        self.told.discard(worker)
        self.last.pop(worker, None)
        status = worker.close()
        if client is not None:
            client.worker = None
            document = worker.document or _no_document(worker)
            exit_status = status if worker.document else EXIT_FAILED
            self._send(client, {"event": "result", "document": document, "exit": exit_status})

    def _end(self, worker: Worker, number: int) -> None:
        """Tell a worker to end, once; it is killed when it does not."""
        if worker not in self.told:
            self.told.add(worker)
            self.last[worker] = self.last.get(worker, Deadline.after(None)).sooner(self.grace + _KILL_AFTER)
            worker.signal(number)

    def _refuse(self, client: Client, error: OrchestratorError) -> None:
        self._send(client, {"event": "refused", "error": error.document() | {"exit": error.exit_status}})

    def _send(self, client: Client, line: dict[str, Any]) -> None:
        if client in self.clients and len(client.outbox) > _BUFFER_LIMIT:
            self._forget(client)
        client.outbox += protocol.encode(line)
        self._flush(client)

    def _flush(self, client: Client) -> None:
        """Send what the client takes now; wait for it only as long as something is left."""
        if client not in self.clients:
            return
        try:
            del client.outbox[: client.socket.send(client.outbox)]
        except BlockingIOError:
            pass
        except ConnectionError:
            client.outbox.clear()
            self._forget(client)
            return
        writable = selectors.EVENT_WRITE if client.outbox else 0
        self.selector.modify(client.socket, selectors.EVENT_READ | writable, lambda m: self._serve(client, m))

    def _forget(self, client: Client) -> None:
        """A client has gone: so does its run, unless it was detached."""
        self.clients.discard(client)
        self.selector.unregister(client.socket)
        client.socket.close()
        worker, client.worker = client.worker, None
        if worker is not None:
            self.workers[worker] = None
            if not client.detached:
                self._end(worker, signal.SIGTERM)


def _no_document(worker: Worker) -> dict[str, Any]:
    """The result of a worker that was killed before it could tell one."""
    error = Ambiguous(
        "worker-lost",
        "the process of this run ended without a result; it may or may not have had an effect",
        hint=f"see `reference runs show {worker.request.run_id}` and the transcript before running it again",
        detail={"run": worker.request.run_id},
    )
    run = {"id": worker.request.run_id, "agent": worker.request.agent, "session": worker.request.session}
    return {"ok": False, "error": error.document(), "attempts": [], "run": run}
