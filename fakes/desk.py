"""Takes requests from connections and hands each to whoever answers it, recording what came in.

It is the `Server` of every connection and keeps the table of open exchanges. It words no answer of a provider
or of the token endpoint itself.
"""

import asyncio
import contextlib
from collections.abc import Callable

from fakes.delivery import deliver
from fakes.events import ConnectionRefusedHost, Provider, RequestReceived
from fakes.exchange import Exchange, Record
from fakes.gates import Gates
from fakes.oauth.server import answer_introspect, answer_revoke, answer_token
from fakes.oauth.state import OAuthState
from fakes.position import Position
from fakes.providers.anthropic import AnthropicFormat
from fakes.providers.base import BadRequest, ParsedRequest, WireFormat, markers_in
from fakes.providers.codex import CodexFormat
from fakes.providers.gemini import GeminiFormat
from fakes.providers.models import model_list
from fakes.routes import Route, route_of
from fakes.script import Request, Script, Status, Text
from fakes.wire.connection import Connection
from fakes.wire.http import HttpReply, HttpRequest, UnreadableBody
from fakes.wire.sse import to_bytes
from fakes.wire.tls import SERVED_HOSTS, Authority, host_and_port

Control = Callable[[HttpRequest], HttpReply]
_HANDSHAKE_SECONDS = 10.0


class Desk:
    """Answers for one server. All its methods run on the server's event loop."""

    def __init__(
        self,
        *,
        script: Script,
        oauth: OAuthState,
        gates: Gates,
        record: Record,
        authority: Authority,
        require_live_token: bool,
        control: Control | None,
    ) -> None:
        self.position = Position(script)
        self.connections: set[Connection] = set()
        self.handshakes: set[asyncio.Task[None]] = set()
        self.empty = asyncio.Event()
        self.empty.set()
        self._oauth = oauth
        self._gates = gates
        self._record = record
        self._authority = authority
        self.require_live_token = require_live_token
        self._control = control
        self._open: dict[Connection, Exchange] = {}
        self._count = 0
        forms: tuple[WireFormat, ...] = (AnthropicFormat(), GeminiFormat(), CodexFormat())
        self._forms: dict[Provider, WireFormat] = {form.provider: form for form in forms}

    # the connection's side

    def opened(self, connection: Connection) -> None:
        """Count the connection in."""
        self.connections.add(connection)
        self.empty.clear()

    def gone(self, connection: Connection) -> None:
        """End what the connection was doing, and forget it."""
        exchange = self._open.get(connection)
        if exchange is not None:
            exchange.lost(by_client=True)
        self.connections.discard(connection)
        if not self.connections:
            self.empty.set()

    def refused(self, connection: Connection, status: int, message: str) -> None:
        """Answer what is not acceptable HTTP, and close."""
        exchange = self._exchange(connection, "unknown")
        exchange.keep_alive = False
        self._record_bare(exchange, connection, "", "", 0)
        form = self._forms["codex"]
        exchange.send(form.error(Status(status, message=message), exchange=exchange.number), "malformed")

    def request(self, connection: Connection, request: HttpRequest) -> None:
        """Answer one request."""
        if request.method == "CONNECT":
            self._connect(connection, request)
            return
        route = route_of(request)
        if route.endpoint == "control" and self._control is not None:
            reply = self._control(request)
            connection.answer(reply, request.keep_alive)
            return
        exchange = self._exchange(connection, "unknown" if route.endpoint == "none" else route.provider)
        modern = request.version != "1.0"
        exchange.keep_alive = request.keep_alive and modern and not request.upgrade
        exchange.chunked = modern
        exchange.body_wanted = request.method != "HEAD"
        if route.endpoint == "completion" and request.method == "POST":
            self._completion(exchange, connection, request)
            return
        self._record_bare(exchange, connection, request.method, request.path, len(request.body))
        self._other(exchange, route, request)

    def drop_all(self) -> None:
        """End every exchange and drop every connection."""
        for exchange in list(self._open.values()):
            exchange.lost(by_client=False)
        for task in list(self.handshakes):
            task.cancel()
        for connection in list(self.connections):
            connection.abort()

    # endpoints

    def _completion(self, exchange: Exchange, connection: Connection, request: HttpRequest) -> None:
        form = self._forms[exchange.provider]
        try:
            parsed = form.parse(request)
        except (BadRequest, UnreadableBody) as error:
            exchange.model, stream = form.peek(request)
            size = len(request.body)
            self._record_bare(exchange, connection, request.method, request.path, size, stream)
            code = error.status if isinstance(error, UnreadableBody) else 400
            param = error.param if isinstance(error, BadRequest) else ""
            reply = form.error(Status(code, message=error.message), param, exchange.number)
            exchange.send(reply, "invalid")
            return
        exchange.model = parsed.model
        refusal = self._refusal_of_token(request, form.provider)
        asked = Request(
            provider=exchange.provider,
            model=parsed.model,
            marker=parsed.turn.marker,
            turn_step=parsed.turn.step,
            text=parsed.turn.text,
        )
        chosen = self.position.choose(asked) if refusal is None else None
        self._record_asked(exchange, connection, request, parsed, chosen.rule if chosen else "")
        if refusal is not None:
            exchange.send(form.error(refusal, exchange=exchange.number), "unauthorized")
        elif chosen is not None:
            deliver(exchange, chosen.reply, form, parsed)
        elif self.position.script.strict:
            exchange.send(form.error(self._unmatched(asked), exchange=exchange.number), "unmatched")
        else:
            deliver(exchange, Text("ok"), form, parsed)

    def _refusal_of_token(self, request: HttpRequest, provider: Provider) -> Status | None:
        if not self.require_live_token or provider != "codex":
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._oauth.is_live(token.strip()):
            return None
        message = "Your authentication token is not valid or has expired. Please sign in again."
        return Status(401, error="token_invalidated", message=message)

    def _unmatched(self, asked: Request) -> Status:
        what = f"provider={asked.provider!r} model={asked.model!r} marker={asked.marker!r}"
        why = self.position.near_misses(asked)
        message = f"no script rule matches {what} turn_step={asked.turn_step}: {why}"
        return Status(404, message=message)

    def _other(self, exchange: Exchange, route: Route, request: HttpRequest) -> None:
        if route.endpoint in ("none", "control"):
            self._fail(exchange, route, 404, f"the fakes do not serve {request.path}", "unknown-path")
        elif route.endpoint == "completion" and request.upgrade:
            self._fail(exchange, route, 426, "the fakes speak no WebSocket here; use POST", "upgrade")
        elif request.method not in (route.method, "HEAD" if route.method == "GET" else ""):
            message = f"{request.method} is not allowed here; use {route.method}"
            self._fail(exchange, route, 405, message, "method", (("allow", route.method),))
        elif route.endpoint == "token":
            answer_token(exchange, request, self._oauth, route.dialect)
        elif route.endpoint == "revoke":
            answer_revoke(exchange, request, self._oauth)
        elif route.endpoint == "introspect":
            answer_introspect(exchange, request, self._oauth)
        else:
            body = model_list(route.provider, request.path, self._models())
            exchange.send(HttpReply(status=200, body=to_bytes(body)), "models")

    def _fail(
        self,
        exchange: Exchange,
        route: Route,
        code: int,
        message: str,
        kind: str,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        form = self._forms.get(route.provider, self._forms["codex"])
        status = Status(code, message=message, headers=headers)
        exchange.send(form.error(status, exchange=exchange.number), kind)

    def _models(self) -> list[str]:
        named = [rule.match.model for rule in self.position.script.rules]
        return sorted({name for name in named if name}) or ["fake-model"]

    # CONNECT

    def _connect(self, connection: Connection, request: HttpRequest) -> None:
        try:
            host, port = host_and_port(request.host, 443)
        except ValueError as error:
            self.refused(connection, 400, f"CONNECT {request.host}: {error}")
            return
        if host not in SERVED_HOSTS or port != 443:
            self._record(ConnectionRefusedHost(host=host, port=port))
            body = to_bytes({"error": {"message": f"the fakes do not serve {host}:{port}"}})
            connection.answer(HttpReply(status=403, body=body), keep_alive=False)
            return
        task = asyncio.get_running_loop().create_task(self._tunnel(connection, host))
        self.handshakes.add(task)
        task.add_done_callback(self.handshakes.discard)

    async def _tunnel(self, connection: Connection, host: str) -> None:
        context = self._authority.context()
        transport = connection.expect_tls(host)
        if transport is None:
            return
        # No await between the answer and start_tls: the client's hello must find TLS in place.
        transport.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        loop = asyncio.get_running_loop()
        secured = None
        try:
            with contextlib.suppress(OSError):  # ssl.SSLError is one: a failed handshake ends as an empty tunnel
                secured = await loop.start_tls(
                    transport, connection, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_SECONDS
                )
        finally:
            # A transport that is lost during the handshake does not tell its protocol.
            if secured is None:
                transport.abort()
                connection.connection_lost(None)
        if secured is not None:
            connection.upgraded(secured)

    # records

    def _exchange(self, connection: Connection, provider: Provider) -> Exchange:
        self._count += 1
        exchange = Exchange(
            number=self._count,
            provider=provider,
            connection=connection,
            gates=self._gates,
            record=self._record,
            on_end=self._ended,
        )
        self._open[connection] = exchange
        return exchange

    def _ended(self, exchange: Exchange) -> None:
        self._open.pop(exchange.connection, None)

    def _record_asked(
        self,
        exchange: Exchange,
        connection: Connection,
        request: HttpRequest,
        parsed: ParsedRequest,
        rule: str,
    ) -> None:
        self._record(
            RequestReceived(
                exchange=exchange.number,
                provider=exchange.provider,
                model=parsed.model,
                method=request.method,
                path=request.path,
                marker=parsed.turn.marker,
                turn_step=parsed.turn.step,
                rule=rule,
                stream=parsed.stream,
                bytes=len(request.body),
                peer_port=connection.peer_port,
                markers=markers_in(request),
            )
        )

    def _record_bare(
        self,
        exchange: Exchange,
        connection: Connection,
        method: str,
        path: str,
        size: int,
        stream: bool = False,
    ) -> None:
        self._record(
            RequestReceived(
                exchange=exchange.number,
                provider=exchange.provider,
                model=exchange.model,
                method=method,
                path=path,
                marker="",
                turn_step=0,
                rule="",
                stream=stream,
                bytes=size,
                peer_port=connection.peer_port,
            )
        )
