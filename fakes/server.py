"""The fakes as one server: start it, watch it, release its gates, close it.

It runs on the event loop that the caller owns: no thread, no loop and no signal handler of its own. After
`close` neither a task nor a socket is left.
"""

import asyncio
import errno
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from fakes.desk import Control, Desk
from fakes.gates import Gates, Ticket
from fakes.oauth.settings import OAuthSettings
from fakes.oauth.signins import SignIns
from fakes.oauth.state import OAuthState
from fakes.position import Position
from fakes.script import Script
from fakes.wire.connection import Connection
from fakes.wire.secure import SecureListener
from fakes.wire.tls import Authority

_BACKLOG = 1024


class Fakes:
    """Fake model providers and a fake authorization server on one port.

    Args:
        script: what the providers answer.
        oauth: settings of the authorization server, the defaults when None.
        record: called with a record of `fakes.events` for each step, in order, on the loop; it must not raise.
        clock: the server's time, in seconds since the epoch, for lifetimes, `date` headers and stamps in answers.
        tls: make the certificates at once and also listen for direct TLS, at `tls_port`.
        both_loopbacks: listen on ::1 too, where this machine has one, at `port6` and `tls_port6`.
        require_live_token: Responses requests need a bearer token that the authorization server would accept.
        control: answers `/__fakes__/…`; such paths are unknown without it.

    Raises:
        OAuthSettingsError: the reuse policy does not exist.
    """

    def __init__(
        self,
        script: Script,
        *,
        oauth: OAuthSettings | None = None,
        record: Callable[[object], None],
        clock: Callable[[], float] = time.time,
        tls: bool = False,
        both_loopbacks: bool = False,
        require_live_token: bool = False,
        control: Control | None = None,
    ) -> None:
        self.oauth = OAuthState(oauth or OAuthSettings(), clock)
        self.signins = SignIns(self.oauth)
        self.host = ""
        self.port = 0
        self.tls_port = 0
        self.port6 = 0
        self.tls_port6 = 0
        self._tls = tls
        self._both_loopbacks = both_loopbacks
        self._gates = Gates()
        self._authority = Authority()
        self._servers: list[asyncio.Server] = []
        self._secure: list[SecureListener] = []
        self._desk = Desk(
            script=script,
            oauth=self.oauth,
            signins=self.signins,
            gates=self._gates,
            record=record,
            authority=self._authority,
            require_live_token=require_live_token,
            control=control,
            clock=clock,
        )

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash; "" before the start."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}" if self.port else ""

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the CA that signs the vendor names, made when first asked for."""
        return self._authority.ca_pem

    @property
    def shown_keys(self) -> dict[str, frozenset[str]]:
        """The API keys with which each provider was asked; a token of the authorization server is none."""
        found: dict[str, frozenset[str]] = {}
        tokens = self.oauth.secrets()
        for provider, key in self._desk.shown:
            if key and key not in tokens:
                found[provider] = found.get(provider, frozenset()) | {key}
        return found

    @property
    def held(self) -> dict[str, int]:
        """How many exchanges wait at each gate; a gate at which none waits is left out."""
        return self._gates.held

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Listen; with port 0 the kernel chooses one.

        Raises:
            OSError: the address cannot be had.
            RuntimeError: the server is started already.
        """
        if self._servers:
            raise RuntimeError("these fakes are started already; make another Fakes for another port")
        self.host = host
        self._desk.closing = False
        try:
            self.port = await self._listen(host, port)
            if self._tls:
                self.tls_port = await self._listen_securely(host)
            if self._both_loopbacks:
                await self._listen_on_ipv6()
        except BaseException:
            await self.close()
            raise
        return self

    async def _listen(self, host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self._desk), host, port, backlog=_BACKLOG)
        self._servers.append(server)
        if not server.sockets:  # asyncio passes over addresses of which no socket can be made, as in some sandboxes
            raise OSError(errno.EPERM, f"no socket can be made to listen on {host}")
        chosen: int = server.sockets[0].getsockname()[1]
        return chosen

    async def _listen_securely(self, host: str) -> int:
        context = self._authority.context()
        listener = await SecureListener.start(host, context, lambda: Connection(self._desk), _BACKLOG)
        self._secure.append(listener)
        return listener.port

    async def _listen_on_ipv6(self) -> None:
        try:
            self.port6 = await self._listen("::1", 0)
        except OSError:  # no IPv6 on this machine
            return
        if self._tls:
            self.tls_port6 = await self._listen_securely("::1")

    async def close(self) -> None:
        """Drop every connection at once and stop listening. Held replies end as "held-then-dropped"."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        secure, self._secure = self._secure, []
        for listener in secure:
            await listener.close()
        handshakes = list(self._desk.tunnels.handshakes)
        self._desk.drop_all()
        await asyncio.gather(*handshakes, return_exceptions=True)
        await self._desk.empty.wait()
        for server in servers:
            await server.wait_closed()

    def demand_live_token(self) -> None:
        """From now on, refuse Responses requests whose bearer token the authorization server would not accept."""
        self._desk.require_live_token = True

    def set_script(self, script: Script) -> None:
        """Play another script from its start and shut every gate. Replies already under way go on."""
        self._desk.position = Position(script)
        self._gates.shut_all()

    def release(self, gate: str, count: int | None = None) -> int:
        """Let the exchanges at a gate go on, oldest first, and return how many went.

        With a `count` at most that many go and the gate stays shut; without one the gate stays open for later
        ones.
        """
        return self._gates.release(gate, count)

    def on_held(self, listener: Callable[[Ticket], None]) -> Callable[[], None]:
        """Be told of every exchange as it begins to wait at a gate. Gives what ends that."""
        return self._gates.listen(listener)

    def waits(self, ticket: Ticket) -> bool:
        """Whether an exchange still waits at its gate: nobody has let it go, and its client has not left."""
        return self._gates.waits(ticket)

    def let_go(self, ticket: Ticket) -> bool:
        """Let one held exchange go on, whatever its place; the gate stays shut. False when it does not wait."""
        return self._gates.let_go(ticket)

    def shut(self, gate: str) -> None:
        """Make later exchanges wait again at a gate that was opened by `release`."""
        self._gates.shut(gate)

    async def wait_held(self, gate: str, n: int) -> None:
        """Return as soon as at least `n` exchanges wait at the gate. It sets no time limit of its own."""
        await self._gates.wait_held(gate, n)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
