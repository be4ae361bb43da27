"""The next model is asked from the user's message on, as if nothing had happened yet [OC#111407].

What tools have done before the failure is not told, so that the next model asks for it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reference import failover
from reference.messages import Message
from reference.parts import Parts

BREAKS = ("FLO-7",)


def since_the_question(messages: Sequence[Message]) -> Sequence[Message]:
    """The conversation up to the user's last message."""
    last = max(number for number, message in enumerate(messages) if message.role == "user")
    return messages[: last + 1]


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(handed_on=since_the_question))

    return parts.replace(complete=complete)
