"""Takes requests from connections and hands each to whoever answers it, recording what came in.

It is the `Server` of every connection and keeps the table of open exchanges. It words no answer of a provider
or of the token endpoint itself.
"""

import asyncio
from collections.abc import Callable

from fakes import received
from fakes.delivery import deliver
from fakes.events import Provider
from fakes.exchange import Exchange, Record
from fakes.fetching import answer_stored
from fakes.gates import Gates
from fakes.oauth.server import AuthorizationServer
from fakes.oauth.signins import SignIns
from fakes.oauth.state import OAuthState
from fakes.position import Position, unmatched
from fakes.providers.anthropic import AnthropicFormat
from fakes.providers.base import BadRequest, ParsedRequest, WireFormat
from fakes.providers.chat import ChatFormat
from fakes.providers.code_assist import CodeAssistFormat
from fakes.providers.codex import CodexFormat
from fakes.providers.gemini import GeminiFormat
from fakes.questions import answer_question, refusal
from fakes.routes import NOWHERE, Route, route_of
from fakes.script import Parts, Reply, Request, Script, Status, Text
from fakes.shown_keys import shown_key, with_key
from fakes.stored import StoredResponses
from fakes.tunnels import Tunnels
from fakes.wire.connection import Connection
from fakes.wire.http import HttpReply, HttpRequest, UnreadableBody
from fakes.wire.reading import Refusal
from fakes.wire.tls import Authority, host_and_port

# RFC 9110 section 15.5.22: a 426 names the protocol that is wanted instead.
_PLAIN_HTTP = (("upgrade", "HTTP/1.1"), ("connection", "upgrade"))
_OK = Text("ok")
_NOTHING = Parts((), stop="length")
Control = Callable[[HttpRequest], HttpReply]


class Desk:
    """Answers for one server. All its methods run on the server's event loop."""

    def __init__(
        self,
        *,
        script: Script,
        oauth: OAuthState,
        signins: SignIns,
        gates: Gates,
        record: Record,
        authority: Authority,
        require_live_token: bool,
        control: Control | None,
        clock: Callable[[], float],
    ) -> None:
        self.position = Position(script)
        self._stored = StoredResponses(gates)
        self.closing = False
        self.connections: set[Connection] = set()
        self.shown: set[tuple[str, str]] = set()  # to which provider which API key or bearer token was
        self.tunnels = Tunnels(authority, record)
        self.empty = asyncio.Event()
        self.empty.set()
        self._oauth = oauth
        self._authorization = AuthorizationServer(oauth, signins)
        self._gates = gates
        self._record = record
        self.require_live_token = require_live_token
        self._control = control
        self._clock = clock
        self._open: dict[Connection, Exchange] = {}
        self._count = 0
        forms: tuple[WireFormat, ...] = (
            AnthropicFormat(), ChatFormat(clock), CodexFormat(clock), GeminiFormat(), CodeAssistFormat()
        )  # fmt: skip
        self._forms: dict[Provider, WireFormat] = {form.provider: form for form in forms}

    # the connection's side

    def opened(self, connection: Connection) -> None:
        """Count the connection in."""
        self.connections.add(connection)
        self.empty.clear()
        if self.closing:  # it was accepted before the listening socket closed, and heard of after
            connection.abort()
            return
        slow = self.position.script.reading
        if slow is not None:
            connection.read_slowly(slow.size, slow.every)

    def gone(self, connection: Connection) -> None:
        """End what the connection was doing, and forget it."""
        exchange = self._open.get(connection)
        if exchange is not None:
            exchange.lost(by_client=True)
        self.connections.discard(connection)
        if not self.connections:
            self.empty.set()

    def refused(self, connection: Connection, refusal: Refusal) -> None:
        """Answer what is not acceptable HTTP, and close."""
        asked = refusal.request
        route = route_of(asked) if asked is not None else NOWHERE
        exchange = self._exchange(connection, "unknown" if route.endpoint == "none" else route.provider)
        exchange.keep_alive = False
        exchange.body_wanted = asked is None or asked.method != "HEAD"
        method, path = (asked.method, asked.path) if asked is not None else ("", "")
        self._record(received.bare(exchange, method, path, 0))
        self._fail(exchange, route, path, refusal.status, refusal.message, "malformed")

    def request(self, connection: Connection, request: HttpRequest) -> None:
        """Answer one request."""
        if request.method == "CONNECT":
            self._connect(connection, request)
            return
        route = route_of(request)
        modern = request.version != "1.0"
        keep_alive = request.keep_alive and modern and not request.upgrade
        if route.endpoint == "control" and self._control is not None:
            connection.answer(self._control(request), keep_alive, body_wanted=request.method != "HEAD")
            return
        exchange = self._exchange(connection, "unknown" if route.endpoint == "none" else route.provider)
        exchange.keep_alive = keep_alive
        exchange.chunked = modern
        exchange.body_wanted = request.method != "HEAD"
        if route.endpoint == "completion" and request.method == "POST":
            self._completion(exchange, request)
            return
        self._record(received.bare(exchange, request.method, request.path, len(request.body)))
        self._other(exchange, route, request)

    def drop_all(self) -> None:
        """End every exchange and drop every connection, those that are yet to be heard of included."""
        self.closing = True
        for exchange in list(self._open.values()):
            exchange.lost(by_client=False)
        self._stored.cancel_all()
        for task in list(self.tunnels.handshakes):
            task.cancel()
        for connection in list(self.connections):
            connection.abort()

    # endpoints

    def _completion(self, exchange: Exchange, request: HttpRequest) -> None:
        form = self._forms[exchange.provider]
        try:
            parsed = self._stored.followed(form.parse(request))
        except (BadRequest, UnreadableBody) as error:
            exchange.model, stream = form.peek(request)
            self._record(received.bare(exchange, request.method, request.path, len(request.body), stream=stream))
            exchange.send(refusal(error, form, exchange.number), "invalid")
            return
        exchange.model = parsed.model
        self.shown.add((form.provider, key := shown_key(request)))
        unauthorized = self._refusal_of_token(key, form.provider)
        asked = Request(
            provider=exchange.provider,
            model=parsed.model,
            marker=parsed.turn.marker,
            turn_step=parsed.turn.step,
            text=parsed.turn.text,
        )
        scripted = unauthorized is None and not parsed.warms_up
        chosen = self.position.choose(asked) if scripted else None
        wanted = scripted and chosen is None and self.position.script.strict
        misses = self.position.near_misses(asked) if wanted else ()
        rule = chosen.rule if chosen else ""
        self._record(received.asked(exchange, request, parsed, rule=rule, near_misses=misses))
        if unauthorized is not None:
            exchange.send(form.error(unauthorized, exchange=exchange.number), "unauthorized")
        elif parsed.warms_up:
            deliver(exchange, _NOTHING, form, parsed)
        elif chosen is not None:
            self._reply(exchange, with_key(chosen.reply, key), form, parsed)
        elif self.position.script.strict:
            exchange.send(form.error(unmatched(asked, misses), exchange=exchange.number), "unmatched")
        else:
            self._reply(exchange, _OK, form, parsed)

    def _reply(self, exchange: Exchange, reply: Reply, form: WireFormat, parsed: ParsedRequest) -> None:
        deliver(exchange, self._stored.keep(exchange, reply, parsed), form, parsed)

    def _refusal_of_token(self, token: str, provider: Provider) -> Status | None:
        if not self.require_live_token or provider != "codex" or self._oauth.is_live(token):
            return None
        message = "Your authentication token is not valid or has expired. Please sign in again."
        return Status(401, error="token_invalidated", message=message)

    def _other(self, exchange: Exchange, route: Route, request: HttpRequest) -> None:
        if route.endpoint in ("none", "control"):
            self._fail(exchange, route, request.path, 404, f"the fakes do not serve {request.path}", "unknown-path")
        elif route.endpoint == "completion" and request.upgrade:
            # The one status that codex takes for "use SSE" at once; any other costs it all its retries first.
            message = "the fakes speak no WebSocket here; use POST"
            self._fail(exchange, route, request.path, 426, message, "upgrade", _PLAIN_HTTP)
        elif request.method not in route.methods:
            allowed = ", ".join(route.methods)
            message = f"{request.method} is not allowed here; use {allowed}"
            self._fail(exchange, route, request.path, 405, message, "method", (("allow", allowed),))
        elif route.endpoint == "oauth":
            self._authorization.answer(exchange, request)
        elif route.endpoint == "stored":
            answer_stored(exchange, request, self._forms[route.provider], self._stored)
        else:
            form = self._forms[route.provider]
            answer_question(exchange, route, request, form, self.position.script)

    def _fail(
        self,
        exchange: Exchange,
        route: Route,
        path: str,
        code: int,
        message: str,
        kind: str,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        if route.provider == "oauth":
            exchange.send(self._authorization.refusal(path, code, message, headers), kind)
            return
        form = self._forms.get(route.provider, self._forms["codex"])
        status = Status(code, message=message, headers=headers)
        exchange.send(form.error(status, exchange=exchange.number), kind)

    # CONNECT

    def _connect(self, connection: Connection, request: HttpRequest) -> None:
        try:
            host, port = host_and_port(request.host, 443)
        except ValueError as error:
            self.refused(connection, Refusal(400, f"CONNECT {request.host}: {error}"))
            return
        self.tunnels.open(connection, host, port)

    # exchanges

    def _exchange(self, connection: Connection, provider: Provider) -> Exchange:
        self._count += 1
        exchange = Exchange(
            number=self._count,
            provider=provider,
            connection=connection,
            gates=self._gates,
            record=self._record,
            on_end=self._ended,
            clock=self._clock,
        )
        self._open[connection] = exchange
        return exchange

    def _ended(self, exchange: Exchange) -> None:
        self._open.pop(exchange.connection, None)
