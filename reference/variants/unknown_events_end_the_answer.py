"""An event of a kind that is not known makes an answer of Anthropic's worthless.

Breaks MSG-6. Providers add kinds of events and say so beforehand: on that day every turn fails.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts

BREAKS = ("MSG-6",)

KNOWN = ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "ping")


def _complete(**arguments: Any) -> Any:
    """Ask as always; the clients of providers are imported on use."""
    from reference import failover
    from reference.errors import Retryable
    from reference.providers import anthropic

    take = anthropic.Assembly._take

    def _take(self: anthropic.Assembly, name: str, data: dict[str, Any]) -> None:
        if name not in (*KNOWN, "error"):
            raise Retryable("malformed-stream", f"{self.provider} sent an event of an unknown kind")
        take(self, name, data)

    anthropic.Assembly._take = _take  # type: ignore[method-assign]
    try:
        return failover.complete(**arguments)
    finally:
        anthropic.Assembly._take = take  # type: ignore[method-assign]


def replace(parts: Parts) -> Parts:
    """Swap how an answer is put together."""
    return parts.replace(complete=_complete)
