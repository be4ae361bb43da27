"""Named gates: replies wait at them until the caller lets them go on.

A gate is a place in the schedule, not a timer. It knows nothing of HTTP; it holds callbacks and runs them in
the order in which they came.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Ticket:
    """One waiting callback. A ticket that left the gate is never called back."""

    gate: str
    resume: Callable[[], None]
    exchange: int = 0  # whose reply it is; 0 for none


@dataclass(slots=True, eq=False)
class Gates:
    """All gates of one server. A gate exists as soon as it is named, and starts shut."""

    _waiting: dict[str, list[Ticket]] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _listeners: list[Callable[[Ticket], None]] = field(default_factory=list)
    _watchers: list[tuple[str, int, asyncio.Future[None]]] = field(default_factory=list)

    @property
    def held(self) -> dict[str, int]:
        """How many callbacks wait, by gate; gates at which none waits are left out."""
        return {gate: len(tickets) for gate, tickets in self._waiting.items() if tickets}

    def is_open(self, gate: str) -> bool:
        """Whether a callback would pass without waiting."""
        return gate in self._open

    def hold(self, gate: str, resume: Callable[[], None], exchange: int = 0) -> Ticket:
        """Wait at a shut gate; `resume` runs inside the `release` that lets it go."""
        ticket = Ticket(gate, resume, exchange)
        tickets = self._waiting.setdefault(gate, [])
        tickets.append(ticket)
        for watcher in list(self._watchers):
            if watcher[0] == gate and len(tickets) >= watcher[1] and not watcher[2].done():
                watcher[2].set_result(None)
        for listener in list(self._listeners):
            listener(ticket)
        return ticket

    def listen(self, listener: Callable[[Ticket], None]) -> Callable[[], None]:
        """Be told of every ticket as it begins to wait. Gives what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def waits(self, ticket: Ticket) -> bool:
        """Whether the ticket still waits at its gate."""
        return ticket in self._waiting.get(ticket.gate, [])

    def let_go(self, ticket: Ticket) -> bool:
        """Let this one go on before those that came earlier; its gate stays shut. False when it does not wait."""
        if not self.waits(ticket):
            return False
        self.leave(ticket)
        ticket.resume()
        return True

    def leave(self, ticket: Ticket) -> None:
        """Stop waiting without being released."""
        tickets = self._waiting.get(ticket.gate, [])
        if ticket in tickets:
            tickets.remove(ticket)

    def release(self, gate: str, count: int | None = None) -> int:
        """Let waiting callbacks go on, oldest first, and return how many.

        With a `count` at most that many go and the gate stays shut; without one all go and the gate stays
        open.
        """
        if count is None:
            self._open.add(gate)
        tickets = self._waiting.get(gate, [])
        going = tickets[: len(tickets) if count is None else count]
        self._waiting[gate] = tickets[len(going) :]
        for ticket in going:
            ticket.resume()
        return len(going)

    def shut(self, gate: str) -> None:
        """Make later callbacks wait again."""
        self._open.discard(gate)

    def shut_all(self) -> None:
        """Shut every gate; those who wait go on waiting."""
        self._open.clear()

    async def wait_held(self, gate: str, count: int) -> None:
        """Return as soon as at least `count` callbacks wait at the gate. It sets no time limit of its own."""
        if len(self._waiting.get(gate, [])) >= count:
            return
        watcher = (gate, count, asyncio.get_running_loop().create_future())
        self._watchers.append(watcher)
        try:
            await watcher[2]
        finally:
            self._watchers.remove(watcher)
