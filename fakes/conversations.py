"""The turns of stored answers, for clients that go on from one by its name instead of sending all that was said.

Only where a conversation stands is held, so that markers and steps of a script go on. The oldest turns go first.
"""

from dataclasses import replace

from fakes.providers.base import ParsedRequest, Turn

_KEPT = 512
_LONGEST = 16 * 1024  # characters of a user's text


class Conversations:
    """The turns of one server, each by the number of the exchange whose answer ended it."""

    def __init__(self) -> None:
        self._turns: dict[int, Turn] = {}

    def followed(self, parsed: ParsedRequest, exchange: int) -> ParsedRequest:
        """The request with its turn as a part of what it goes on from, where that is known."""
        earlier = self._turns.get(parsed.previous)
        if earlier is not None:
            parsed = replace(parsed, turn=_after(earlier, parsed.turn))
        if parsed.stored:
            self._turns[exchange] = _shortened(parsed.turn)
            if len(self._turns) > _KEPT:
                del self._turns[next(iter(self._turns))]
        return parsed


def _after(earlier: Turn, turn: Turn) -> Turn:
    if turn.text:  # a user speaks: the turn is a new one
        return replace(turn, marker=turn.marker or earlier.marker)
    return replace(earlier, step=earlier.step + turn.step)


def _shortened(turn: Turn) -> Turn:
    return turn if len(turn.text) <= _LONGEST else replace(turn, text=turn.text[:_LONGEST])
