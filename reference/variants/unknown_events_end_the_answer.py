"""An event of a kind that is not known makes an answer of Anthropic's worthless.

Breaks MSG-6. Providers add kinds of events and say so beforehand: on that day every turn fails.
"""

from __future__ import annotations

from typing import Any

from reference.errors import Retryable
from reference.parts import Parts
from reference.variants._clients import swap_in_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.providers.anthropic import Assembly

BREAKS = ("MSG-6",)

KNOWN = ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "ping")


def _of_known_events(kind: type[Assembly]) -> type[Assembly]:
    class _Assembly(kind):  # type: ignore[misc,valid-type]
        def _take(self, name: str, data: dict[str, Any]) -> None:
            if name not in (*KNOWN, "error"):
                raise Retryable("malformed-stream", f"{self.provider} sent an event of an unknown kind")
            super()._take(name, data)

    return _Assembly


def replace(parts: Parts) -> Parts:
    """Swap how an answer is put together."""
    return swap_in_client(parts, "anthropic", "Assembly", _of_known_events)
