"""How models are asked, one wire format per file.

A client turns a conversation into one HTTP request and a stream back into one complete `Reply`. It refuses to
hand out a partial answer, to retry, to choose another model (that is `reference.failover`), to refresh a
credential (that is `reference.auth`), and to follow redirects, which would carry the key elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from reference.errors import Local
from reference.messages import Message, Reply, ToolSpec

if TYPE_CHECKING:
    from reference.deadline import Deadline

_LONGEST_LABEL = 63  # octets (RFC 1035 section 2.3.4)
_LONGEST_IDLE = 1_000_000  # seconds; a socket cannot wait for any length of time
AN_ADDRESS = "an http:// or https:// address without a user's name"
APIS = ("anthropic-messages", "google-generative-ai", "openai-codex-responses")


class Client(Protocol):
    """One provider, spoken to in its own wire format."""

    def complete(
        self,
        model: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        token: str,
        deadline: Deadline,
    ) -> Reply:
        """Ask once and wait for the whole answer.

        Raises Retryable, Auth or Fatal for what the provider did, Local for what this machine did, Stopped
        when the deadline passed or a signal came. No message contains `token`.
        """
        ...


def client_for(provider: str, config: Mapping[str, object]) -> Client:
    """The client for one entry of `providers`.

    The wire formats are imported on use: most commands never talk to a model, and the HTTP stack is the most
    expensive import of the program. Raises Local `bad-provider-config`.
    """
    base_url = config.get("baseUrl")
    if not isinstance(base_url, str) or not is_address(base_url):
        raise bad_config(provider, f"baseUrl must be {AN_ADDRESS}")
    if not {"?", "#"}.isdisjoint(base_url):
        raise bad_config(provider, "baseUrl must have no ? and no #, as paths are put behind it")
    base_url, idle = base_url.rstrip("/"), _idle_seconds(provider, config)
    is_oauth = config.get("auth") == "oauth"
    match config.get("api"):
        case "anthropic-messages":
            from reference.providers.anthropic import AnthropicMessages

            return AnthropicMessages(provider=provider, base_url=base_url, idle=idle, is_oauth=is_oauth)
        case "google-generative-ai":
            from reference.providers.gemini import GeminiStream

            return GeminiStream(provider=provider, base_url=base_url, idle=idle, is_oauth=is_oauth)
        case "openai-codex-responses":
            from reference.providers.codex import CodexResponses

            return CodexResponses(provider=provider, base_url=base_url, idle=idle)
        case _:
            raise bad_config(provider, "api must be one of " + ", ".join(APIS))


def is_address(url: str) -> bool:
    """Whether a request can be sent there. A user's name in it would end up in the header `host` (RFC 9110, 7.2)."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        labels = (parts.hostname or "").removesuffix(".").split(".")
        known = parts.scheme in ("http", "https") and all(1 <= len(label) <= _LONGEST_LABEL for label in labels)
        return (
            known and "@" not in parts.netloc and parts.port != 0 and all("!" <= character <= "~" for character in url)
        )
    except ValueError:  # an unclosed bracket, a port that is no number
        return False


def _idle_seconds(provider: str, config: Mapping[str, object]) -> float:
    idle = config.get("idleSeconds", 30.0)
    if isinstance(idle, bool) or not isinstance(idle, int | float) or not 0 < idle <= _LONGEST_IDLE:
        raise bad_config(provider, f"idleSeconds must be a positive number, at most {_LONGEST_IDLE}")
    return float(idle)


def bad_config(provider: str, problem: str) -> Local:
    """The failure for an entry of the config's `providers` that cannot be used."""
    return Local(
        "bad-provider-config",
        f"provider {provider!r} is not usable: {problem}",
        hint=f"correct providers.{provider} in the config file",
        detail={"provider": provider},
    )
