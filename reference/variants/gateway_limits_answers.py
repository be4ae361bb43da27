"""A line between the gateway's processes has at most 1 MiB: an answer that is longer ends the gateway, or its client.

Breaks MSG-6. Limits of that kind come with whatever reads lines (64 KiB in asyncio's streams); the turn has its answer.
"""

from __future__ import annotations

from reference.gateway import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)


class _Lines(protocol.Lines):
    """Has a limit whoever reads."""

    __slots__ = ()

    @property
    def limit(self) -> int | None:
        return protocol.LINE_LIMIT

    @limit.setter
    def limit(self, limit: int | None) -> None:
        return


def replace(parts: Parts) -> Parts:
    """Swap what reads lines."""
    protocol.Lines = _Lines  # type: ignore[misc]
    return parts
