"""What a tool printed is told to Gemini's models in its first lines alone: each client turns results into its own form.

Breaks MSG-6. The same turn goes well with one provider and not with the next, which never sees the error at the end.
"""

from __future__ import annotations

from reference.variants._clients import swap_in_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from reference.messages import Message
    from reference.parts import Parts

BREAKS = ("MSG-6",)

_SHOWN = 1000  # characters


def _change(contents: Callable[..., Any]) -> Callable[..., Any]:
    def shortened(model: str, messages: Sequence[Message], names: dict[str, str]) -> Any:
        cut = [m._replace(text=m.text[:_SHOWN]) if m.role == "tool" else m for m in messages]
        return contents(model, cut, names)

    return shortened


def replace(parts: Parts) -> Parts:
    """Swap how Gemini's client writes a conversation."""
    return swap_in_client(parts, "gemini", "_contents", _change)
