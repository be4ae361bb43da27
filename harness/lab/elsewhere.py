"""A server that is nobody's provider: another one than the target was told of, at another port.

It answers as the providers would, so that whoever comes to it by mistake sees no reason to go back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fakes.events import TokenRequested
from fakes.script import Match, Rule, Script, Text
from fakes.server import Fakes

# Where each provider is asked for an answer; a redirect that keeps the method and the body leads to the like.
PATHS = {
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-3-pro-preview:streamGenerateContent?alt=sse",
    "codex": "/backend-api/codex/responses",
}
TOKENS = "/oauth/token"  # where refresh tokens are redeemed


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The server, and the fingerprints of the refresh tokens that were to be redeemed there."""

    fakes: Fakes
    redeemed: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return self.fakes.url


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """The server, until the block ends. What it is asked does not stand in the journal."""
    redeemed = set[str]()

    def note(what: object) -> None:
        if isinstance(what, TokenRequested):
            redeemed.add(what.token)

    async with Fakes(Script((Rule("otherwise", Match(), (Text("done"),)),)), record=note) as other:
        yield Elsewhere(fakes=other, redeemed=redeemed)
