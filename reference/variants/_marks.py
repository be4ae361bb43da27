"""What two variants share: a list of the delivered results, kept beside the transcript and not in it."""

from __future__ import annotations

import json

from reference import durable
from reference.delegation import Delegation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.messages import Message


class Marked(Delegation):
    """Believes the list and not the conversation."""

    @property
    def path(self) -> str:
        return f"{self.home.transcript(self.request.agent, self.request.session)}.delivered"

    def delivered(self, messages: list[Message]) -> set[str]:
        """The runs that are marked."""
        try:
            with open(self.path, encoding="utf-8") as file:
                return set(json.load(file))
        except FileNotFoundError:
            return set()

    def mark(self, messages: list[Message], runs: list[str]) -> None:
        """Add these runs to the list, durably."""
        durable.replace(self.path, json.dumps(sorted(self.delivered(messages).union(runs))).encode())
