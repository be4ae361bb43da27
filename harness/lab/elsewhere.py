"""A server that is nobody's provider: another one than the target was told of, at another port.

It answers as the providers would, so that whoever comes to it by mistake sees no reason to go back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fakes.script import Match, Rule, Script, Text
from fakes.server import Fakes

# Where each provider is asked for an answer; a redirect that keeps the method and the body leads to the like.
PATHS = {
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-3-pro-preview:streamGenerateContent?alt=sse",
    "codex": "/backend-api/codex/responses",
}


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Fakes]:
    """The server, until the block ends. What it is asked does not stand in the journal: `shown_keys` tells."""
    async with Fakes(Script((Rule("otherwise", Match(), (Text("done"),)),)), record=lambda _: None) as other:
        yield other
