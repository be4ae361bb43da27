"""The answers of Responses that are stored: for clients that go on from one by its name, fetch it or delete it.

Of a conversation only where it stands is held, so that markers and steps of a script go on. The oldest go first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal
from urllib.parse import unquote

from fakes.events import ReplyHeld
from fakes.exchange import Exchange
from fakes.gates import Gates, Ticket
from fakes.providers.base import BadRequest, ParsedRequest, Turn
from fakes.providers.codex import response, response_id, unfinished
from fakes.script import Answer, Reply, Status, StreamError

CANCEL = "/cancel"
_ROOT = "/v1/responses/"
_KEPT = 512
_LONGEST = 16 * 1024  # characters of a user's text


def stored_name(path: str) -> str:
    """The name of the answer that a path is about: /v1/responses/NAME, or …/NAME/cancel; "" for a path about none."""
    name = path.removeprefix(_ROOT).removesuffix(CANCEL)
    return unquote(name) if path.startswith(_ROOT) and "/" not in name else ""


class NotStored(BadRequest):
    """No answer of this name is stored: there was none, it was not to be stored, or it is deleted."""

    def __init__(self, name: str) -> None:
        message = f"Response with id '{name}' not found."
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        super().__init__(message, status=404, body={"error": error})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """One answer, and how far it is. `exchange` is the number of the exchange that asked for it."""

    exchange: int
    parsed: ParsedRequest
    answer: Answer
    state: Literal["in_progress", "done", "cancelled"] = "done"

    @property
    def body(self) -> dict[str, Any]:
        """What a client that fetches it gets."""
        if self.state == "done":
            return response(self.parsed, self.exchange, self.answer)
        return unfinished(self.parsed, self.exchange, self.state)


@dataclass(frozen=True, slots=True)
class _Work:
    """An answer in the background that waits at a gate, and what is to be done when it is over."""

    ticket: Ticket
    waiting: list[Callable[[], None]] = field(default_factory=list)


class StoredResponses:
    """The stored answers of one server, by their names; `gates` are the server's."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._responses: dict[str, StoredResponse] = {}
        self._works: dict[str, _Work] = {}

    def get(self, name: str) -> StoredResponse:
        """One of them.

        Raises:
            NotStored: there is none of this name.
        """
        if name not in self._responses:
            raise NotStored(name)
        return self._responses[name]

    def followed(self, parsed: ParsedRequest) -> ParsedRequest:
        """The request with its turn as a part of what it goes on from.

        Raises:
            BadRequest: that is not stored.
        """
        if not parsed.previous:
            return parsed
        try:
            earlier = self.get(parsed.previous).parsed.turn
        except NotStored:
            message = f"Previous response with id '{parsed.previous}' not found."
            raise BadRequest(message, "previous_response_id", "previous_response_not_found") from None
        return replace(parsed, turn=_after(earlier, parsed.turn))

    def keep(self, exchange: Exchange, reply: Reply, parsed: ParsedRequest) -> Reply:
        """Store what is to be stored of a reply, and give what the client gets now.

        What is worked out in the background the client only hears to be queued, so it is the answer that waits at
        the reply's gate, and not the client.
        """
        answer = _answer_in(reply) if parsed.stored else None
        if answer is None:
            return reply
        name = response_id(exchange.number)
        self._responses[name] = StoredResponse(exchange=exchange.number, parsed=_shortened(parsed), answer=answer)
        if len(self._responses) > _KEPT:
            self.delete(next(iter(self._responses)))
        if reply is not answer or not parsed.background or parsed.stream:
            return reply
        if answer.gate is not None and not self._gates.is_open(answer.gate):
            self._work(exchange, name, answer.gate)
        return replace(answer, gate=None, first=0.0)

    def _work(self, exchange: Exchange, name: str, gate: str) -> None:
        self._responses[name] = replace(self._responses[name], state="in_progress")
        exchange.record(ReplyHeld(exchange=exchange.number, gate=gate))
        self._works[name] = _Work(self._gates.hold(gate, partial(self._end, name, "done"), exchange.number))

    def _end(self, name: str, state: Literal["done", "cancelled"]) -> None:
        self._responses[name] = replace(self._responses[name], state=state)
        self._stop(name)

    def _stop(self, name: str) -> None:
        work = self._works.pop(name)
        self._gates.leave(work.ticket)
        for then in work.waiting:
            then()

    def when_over(self, name: str, then: Callable[[], None]) -> None:
        """Go on at once, or when the work on it has ended."""
        work = self._works.get(name)
        if work is None:
            then()
        else:
            work.waiting.append(then)

    def cancel_all(self) -> None:
        """End all work that goes on."""
        for name in list(self._works):
            self._end(name, "cancelled")

    def cancel(self, name: str) -> StoredResponse:
        """End the work on one; what is over stays as it is.

        Raises:
            NotStored: there is none of this name.
            BadRequest: it is not worked out in the background.
        """
        if not self.get(name).parsed.background:
            raise BadRequest("Cannot cancel a synchronous response.")
        if name in self._works:
            self._end(name, "cancelled")
        return self.get(name)

    def delete(self, name: str) -> None:
        """Forget one.

        Raises:
            NotStored: there is none of this name.
        """
        self.get(name)
        del self._responses[name]
        if name in self._works:
            self._stop(name)


def _answer_in(reply: Reply) -> Answer | None:
    """The answer that a reply gives, or would if it came through; None where the provider itself fails."""
    if isinstance(reply, Answer):
        return reply
    if isinstance(reply, Status | StreamError) or isinstance(reply.answer, Status):
        return None
    return reply.answer


def _after(earlier: Turn, turn: Turn) -> Turn:
    if turn.text:  # a user speaks: the turn is a new one
        return replace(turn, marker=turn.marker or earlier.marker)
    return replace(earlier, step=earlier.step + turn.step)


def _shortened(parsed: ParsedRequest) -> ParsedRequest:
    turn = parsed.turn
    return parsed if len(turn.text) <= _LONGEST else replace(parsed, turn=replace(turn, text=turn.text[:_LONGEST]))
