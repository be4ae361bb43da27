"""An answer of Gemini's without candidates is one that broke off, also where it says that the prompt was blocked.

Breaks FLO-4: what one provider would not read for its content is passed around.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reference.messages import Reply
from reference.parts import Parts
from reference.providers import Client
from reference.providers.gemini import GeminiStream
from reference.providers.sse import Event
from reference.variants._clients import replace_clients

BREAKS = ("FLO-4",)


class _Candidates(GeminiStream):
    def _read(self, stream: Iterable[Event], *rest: Any) -> Reply:
        return super()._read((event for event in stream if "promptFeedback" not in event.data), *rest)


def _change(client: Client) -> Client:
    if not isinstance(client, GeminiStream):
        return client
    return _Candidates(provider=client.provider, base_url=client.base_url, idle=client.idle, is_oauth=client.is_oauth)


def replace(parts: Parts) -> Parts:
    """Swap the client of Gemini's provider."""
    return replace_clients(parts, _change)
