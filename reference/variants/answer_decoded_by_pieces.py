"""What comes of an answer is decoded piece by piece: a character that lies in two of them is lost.

Breaks MSG-6. Where a network cuts a stream is nobody's choice; what is not written in ASCII suffers.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts

BREAKS = ("MSG-6",)


def _complete(**arguments: Any) -> Any:
    """Ask as always; the reader of streams is imported on use."""
    from reference import failover
    from reference.providers import sse

    lines = sse._lines
    sse._lines = lambda chunks: lines(chunk.decode(errors="replace").encode() for chunk in chunks)
    try:
        return failover.complete(**arguments)
    finally:
        sse._lines = lines


def replace(parts: Parts) -> Parts:
    """Swap how streams are read."""
    return parts.replace(complete=_complete)
