"""What the variants of provider clients share: the failover asks theirs in the place of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from reference import failover
from reference.parts import Parts
from reference.providers import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.providers.anthropic import AnthropicMessages


class Wrapped:
    """Has the client that the failover would have asked."""

    def __init__(self, client: Client) -> None:
        self._client = client


def replace_clients(parts: Parts, change: Callable[[Client], Client]) -> Parts:
    """The parts with `change` made to each client that the failover asks."""

    def client_for(provider: str, config: Mapping[str, Any]) -> Client:
        return change(failover.client_for(provider, config))

    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(client_for=client_for))

    return parts.replace(complete=complete)


def swap_in_client(parts: Parts, module: str, name: str, change: Callable[[Any], Any]) -> Parts:
    """The parts with `change` made to what a module of `reference.providers` has under this name, while it is asked.

    Not before, as clients are imported on use: commands that ask nobody start without them.
    """

    def complete(**arguments: Any) -> Any:
        place = import_module(f"reference.providers.{module}")
        own = getattr(place, name)
        setattr(place, name, change(own))
        try:
            return failover.complete(**arguments)
        finally:
            setattr(place, name, own)

    return parts.replace(complete=complete)


def anthropic_as(kind: type[AnthropicMessages]) -> Callable[[Client], Client]:
    """A change that makes clients of Anthropic Messages clients of this kind of them, and leaves the others."""
    from reference.providers.anthropic import AnthropicMessages

    def change(client: Client) -> Client:
        if not isinstance(client, AnthropicMessages):
            return client
        return kind(provider=client.provider, base_url=client.base_url, idle=client.idle, is_oauth=client.is_oauth)

    return change
