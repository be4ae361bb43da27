"""One request and its reply: what was sent so far, where it waits, how it ended.

An exchange ends exactly once and then records one `ReplySent`. What to send is decided by `fakes.delivery`
and `fakes.oauth.server`; which connection it is, by `fakes.desk`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fakes.events import Outcome, Provider, ReplyHeld, ReplySent, digest
from fakes.gates import Gates, Ticket
from fakes.layout import Piece
from fakes.wire.connection import Connection
from fakes.wire.http import HttpReply, head_reply

Record = Callable[[object], None]


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """The state of one exchange. `number` counts from 1 over the server's life."""

    number: int
    provider: Provider
    connection: Connection
    gates: Gates
    record: Record
    on_end: Callable[["Exchange"], None]
    clock: Callable[[], float]
    keep_alive: bool = True
    chunked: bool = True
    body_wanted: bool = True
    model: str = ""
    kind: str = ""
    status: int = 0
    frames: int = 0
    ended: bool = False
    ticket: Ticket | None = None
    timer: asyncio.TimerHandle | None = None
    on_lost: list[Callable[[], None]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def hold(self, gate: str | None, then: Callable[[], None]) -> None:
        """Go on at once, or when the gate lets go. After the end nothing goes on."""
        if gate is None or self.gates.is_open(gate):
            then()
            return
        self.record(ReplyHeld(exchange=self.number, gate=gate))
        self.ticket = self.gates.hold(gate, lambda: self._resume(then), self.number)

    def _resume(self, then: Callable[[], None]) -> None:
        self.ticket = None
        if not self.ended:
            then()

    def send(self, reply: HttpReply, kind: str) -> None:
        """Send a whole reply and end."""
        self.kind, self.status = kind, reply.status
        opening = Piece(head_reply(reply, self.keep_alive, self.clock()))
        self.write([opening, Piece(reply.body, 1)] if self.body_wanted and reply.body else [opening])
        self.complete()

    def write(self, pieces: Sequence[Piece]) -> None:
        """Hand over bytes, in one go."""
        for piece in pieces:
            self.sizes.append(len(piece.data))
            self.digests.append(digest(piece.data))
            self.frames += piece.frames
        self.connection.write(b"".join([piece.data for piece in pieces]))

    def complete(self) -> None:
        """Everything is written: end when the kernel has taken it."""
        self.connection.when_flushed(self._completed)

    def _completed(self) -> None:
        if self.connection.alive and not self.ended:
            self.end("complete")
            self.connection.done(self.keep_alive)

    def reset(self) -> None:
        """End with a TCP reset, after the bytes written so far."""
        self.connection.when_delivered(lambda: self._break("reset", self.connection.reset))

    def close(self, outcome: Outcome) -> None:
        """End with FIN, after the bytes written so far."""
        self.connection.when_flushed(lambda: self._break(outcome, self.connection.finish))

    def _break(self, outcome: Outcome, act: Callable[[], None]) -> None:
        if not self.ended:
            self.end(outcome)
            act()

    def lost(self, *, by_client: bool) -> None:
        """The connection is gone before the end: the client left, or the server closes."""
        if self.ended:
            return
        held = self.ticket is not None
        for callback in self.on_lost:
            callback()
        self.end("client-gone" if by_client else "held-then-dropped" if held else "truncated")

    def end(self, outcome: Outcome) -> None:
        """Record the end. Nothing waits afterwards."""
        self.ended = True
        if self.ticket is not None:
            self.gates.leave(self.ticket)
        if self.timer is not None:
            self.timer.cancel()
        self.record(
            ReplySent(
                exchange=self.number,
                provider=self.provider,
                model=self.model,
                status=self.status,
                reply=self.kind,
                bytes=sum(self.sizes),
                frames=self.frames,
                outcome=outcome,
                sizes=tuple(self.sizes),
                digests=tuple(self.digests),
            )
        )
        self.on_end(self)
