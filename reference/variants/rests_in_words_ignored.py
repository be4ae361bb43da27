"""A rest counts where a header or a field of its own asks for it, and not in the words of an error.

Breaks FLO-5. Codex reports a limit once its stream has begun, with the time to wait in words: the next turn does not
wait.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts
from reference.variants._clients import swap_in_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.providers.refusals import ProviderError

BREAKS = ("FLO-5",)


def _without_a_rest(said: Callable[[dict[str, Any]], ProviderError]) -> Callable[[dict[str, Any]], ProviderError]:
    """What an error says, of one whose object has no time in it: then its words have it, or nothing."""

    def error(found: dict[str, Any]) -> ProviderError:
        return said(found) if "resets_in_seconds" in found else said(found)._replace(retry_after=None)

    return error


def replace(parts: Parts) -> Parts:
    """Swap what is taken from a stream's error."""
    return swap_in_client(parts, "codex", "_error", _without_a_rest)
