"""The client's end: hands a run to the gateway and waits for its result.

Until the run is sent nothing has happened and every failure says so. Once it is sent the gateway may have
started it: its loss, or its restart, is Ambiguous(`gateway-lost`), and the turn is never run again here (FLO-9).
"""

from __future__ import annotations

from reference import stopping, streams
from reference.deadline import Deadline
from reference.errors import Ambiguous, Local, OrchestratorError, Stopped
from reference.gateway import protocol
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.home import Home
    from reference.request import Request

GREETING_SECONDS = 5.0
_LAST_WORD_SECONDS = 2.2  # beyond the grace period: for the worker to record its end and say so, or to be killed


class Connection:
    """A socket to a gateway that has greeted us; `pid` is the gateway's."""

    def __init__(self, home: Home) -> None:
        self._socket = protocol.new_socket()
        self._lines = protocol.Lines(protocol.LINE_LIMIT)
        self._ready: list[bytes] = []
        self.pid = 0
        self._path = f"{home.path}/{protocol.SOCKET}"

    def open(self, home: Home, deadline: Deadline) -> bool:
        """Connect and wait for the greeting; False when nobody listens.

        Raises Local(`gateway-unresponsive`).
        """
        waiting = deadline.sooner(GREETING_SECONDS)
        try:
            with protocol.Address(home) as address:
                self._socket.settimeout(waiting.remaining())
                self._socket.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except (TimeoutError, BlockingIOError):
            raise self._unresponsive() from None
        greeting = self.receive(waiting) or {}
        if greeting.get("event") != "ready" or not isinstance(greeting.get("pid"), int):
            raise self._unresponsive()
        self.pid = greeting["pid"]
        self._lines.limit = None  # it is a gateway, and passes on what models say
        return True

    def send(self, line: dict[str, Any], deadline: Deadline) -> None:
        """Send one line. Raises OSError when the gateway is gone or does not read."""
        self._socket.settimeout(_at_least(deadline.remaining()))
        with stopping.interrupting():
            self._socket.sendall(protocol.encode(line))

    def receive(self, deadline: Deadline) -> dict[str, Any] | None:
        """The next line, or None when the gateway is gone, speaks another protocol, or the deadline has passed."""
        while not self._ready:
            try:
                self._socket.settimeout(_at_least(deadline.remaining()))
                with stopping.interrupting():
                    data = self._socket.recv(65536)
            except (TimeoutError, ConnectionResetError):
                return None
            if not data:
                return None
            try:
                self._ready += self._lines.feed(data)
            except ValueError:  # a line without end
                return None
        return protocol.decode(self._ready.pop(0))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *reason: object) -> None:
        self._socket.close()

    def _unresponsive(self) -> Local:
        return Local(
            "gateway-unresponsive",
            f"a gateway listens at {self._path} but does not answer; nothing was started",
            hint="look at it with `reference gateway status`, stop it, or use --local",
            detail={"socket": self._path},
        )


def connect(home: Home, deadline: Deadline) -> Connection | None:
    """A connection to the gateway of this state directory, or None when there is none."""
    connection = Connection(home)
    try:
        if connection.open(home, deadline):
            return connection
    except FileNotFoundError:  # no state directory yet
        pass
    except BaseException:
        connection.__exit__()
        raise
    connection.__exit__()
    return None


def run(connection: Connection, request: Request, deadline: Deadline, *, detach: bool) -> Result:
    """Run the turn in the gateway.

    Raises Ambiguous(`gateway-lost`), Stopped, or what the gateway refused with.
    """
    fields = request.fields() | {"timeout": deadline.remaining(), "via": "gateway"}
    try:
        connection.send({"op": "run", "request": fields, "detach": detach}, deadline)
        return _follow(connection, request, detach=detach)
    except (OSError, LookupError, TypeError, ValueError):  # gone, or a gateway of another version: it tells us nothing
        raise _lost(request) from None
    except Stopped as stopped:
        raise _stopped(connection, request, stopped) from None


def _follow(connection: Connection, request: Request, *, detach: bool) -> Result:
    """Read events until the result; the deadline's own alarm interrupts this."""
    while True:
        line = connection.receive(Deadline.after(None))
        if line is None:
            raise _lost(request)
        if line.get("event") == "waiting":
            streams.write_diagnostics(f"reference: {line['message']}")
        if line.get("event") == "refused":
            raise Remote(line["error"])
        if line.get("event") == "accepted" and detach:
            run_id = line["run"]["id"]
            document = {"ok": True, "run": line["run"], "text": "", "attempts": [], "via": "gateway"}
            return Result(document, f"run {run_id} goes on in the gateway: `reference runs wait {run_id}`")
        if line.get("event") == "result":
            return _result(line)


def _result(line: dict[str, Any]) -> Result:
    document = line["document"] | {"via": "gateway"}
    if document["ok"]:
        return Result(document, document["text"])
    error = Remote(document["error"], exit_status=int(line["exit"]))
    error.context.update({k: v for k, v in document.items() if k not in ("ok", "error")})
    raise error


def _stopped(connection: Connection, request: Request, stopped: Stopped) -> Stopped:
    """Have the run ended and wait for its last word, so that it is over when this command is."""
    end = Deadline.after(stopping.grace() + _LAST_WORD_SECONDS)
    stopped.context["run"] = {"id": request.run_id, "agent": request.agent, "session": request.session}
    stopped.context["attempts"] = []
    stopped.context["via"] = "gateway"
    try:
        if stopped.code != "deadline":  # the worker has the same deadline, and records it as such
            connection.send({"op": "cancel"}, end)
        while line := connection.receive(end):
            if line.get("event") == "result":
                stopped.context |= {k: v for k, v in line["document"].items() if k in ("run", "attempts")}
                break
    except OSError:
        return stopped
    return stopped


class Remote(OrchestratorError):
    """A failure that the gateway's end met, with its kind and exit status."""

    def __init__(self, document: dict[str, Any], *, exit_status: int = 1) -> None:
        super().__init__(document["code"], document["message"], hint=document["hint"], detail=document["detail"])
        self.remote_kind = str(document["kind"])
        self.exit_status = int(document.get("exit", exit_status))

    def document(self) -> dict[str, object]:
        """As the other end said it."""
        return super().document() | {"kind": self.remote_kind}


def _lost(request: Request) -> Ambiguous:
    error = Ambiguous(
        "gateway-lost",
        "the gateway went away while it had the run; it may or may not have had an effect",
        hint=f"see `reference runs show {request.run_id}` and the transcript before running it again",
        detail={"run": request.run_id},
    )
    error.context["run"] = {"id": request.run_id, "agent": request.agent, "session": request.session}
    error.context["attempts"] = []
    error.context["via"] = "gateway"
    return error


def _at_least(seconds: float | None) -> float | None:
    """A socket time-out of zero would mean non-blocking."""
    return None if seconds is None else max(seconds, 0.001)
