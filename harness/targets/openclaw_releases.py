"""What was proven of each release of OpenClaw: its verbs, and how its config names our providers.

Formats and wordings change from release to release; a release that does not stand here is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.targets.files import API_KEYS
from harness.targets.protocol import Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One of our providers as a release's config names it, with a model that the release ships for it, and another.

    `path` is what its base URL has behind the fakes' address; without a `key` it signs in by OAuth.
    """

    name: str
    model: str
    sibling: str
    api: str
    path: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What was proven of a release.

    `providers` has them by our names; `keyed` says whether its config has the agents by their names, or in a list;
    `patience` is how many seconds a command may take on two busy cores.
    """

    capabilities: frozenset[Capability]
    providers: Mapping[str, Provider]
    keyed: bool = False
    patience: float = 240.0  # commands take 4 to 40 s, three silent models 180 s


_ANTHROPIC = Provider(
    name="anthropic",
    model="claude-sonnet-4-6",
    sibling="claude-haiku-4-5",
    api="anthropic-messages",
    key=API_KEYS["anthropic"],
)
_EARLY = {
    "anthropic": _ANTHROPIC,
    "gemini": Provider(
        name="google-gemini-cli",
        model="gemini-3-pro-preview",
        sibling="gemini-3-flash-preview",
        api="google-generative-ai",
        path="/v1beta",
        key=API_KEYS["gemini"],
    ),
    "codex": Provider(
        name="openai-codex",
        model="gpt-5.3-codex",
        sibling="gpt-5.1-codex-mini",
        api="openai-codex-responses",
        path="/backend-api",
    ),
}
# Later releases refuse those two names, and keep OAuth credentials in a database that signing in alone fills: here the
# third provider has a key.
_LATER = {
    "anthropic": _ANTHROPIC,
    "gemini": Provider(
        name="google",
        model="gemini-3.1-pro-preview",
        sibling="gemini-3-flash-preview",
        api="google-generative-ai",
        path="/v1beta",
        key=API_KEYS["gemini"],
    ),
    "codex": Provider(
        name="openai",
        model="gpt-5.3-codex",
        sibling="gpt-5.1-codex-mini",
        api="openai-responses",
        path="/v1",
        key=API_KEYS["codex"],
    ),
}
_AGENTS = frozenset({Capability.ADD_AGENTS, Capability.AGENT_NAMES})
_TURNS = _AGENTS | {
    *(Capability.TURN, Capability.SESSIONS, Capability.TIMEOUT, Capability.FAILOVER, Capability.TOOLS, Capability.KEYS),
}
_FILES = frozenset(
    {Capability.OAUTH, Capability.SIBLINGS, Capability.SESSION_HOLDER, Capability.LOCK_FILES, Capability.TRANSCRIPTS}
)
RELEASES = {
    "2026.3.8": Release(capabilities=_TURNS | _FILES, providers=_EARLY),
    "2026.4.2": Release(capabilities=_AGENTS, providers={"anthropic": _ANTHROPIC}),
    "2026.6.11": Release(capabilities=_TURNS, providers=_LATER),
    # It asks an overloaded model again for 90 s, which no setting shortens; and tools are called in ways of its own.
    "2026.9.6": Release(capabilities=_TURNS - {Capability.TOOLS}, providers=_LATER, keyed=True, patience=600.0),
}
# Our names by theirs, of every release.
OURS = {provider.name: ours for each in (_EARLY, _LATER) for ours, provider in each.items()}
OAUTH = _EARLY["codex"]  # the one whose credential this adapter can store
