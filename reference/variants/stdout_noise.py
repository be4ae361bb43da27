"""A banner precedes the JSON document [OC#128516].

Breaks OPS-2. Standard output no longer parses as one document, and callers start to search for the first
brace.
"""

from __future__ import annotations

from reference import VERSION, streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-2",)


def write(data: bytes) -> None:
    """The document, introduced."""
    streams.write_output(f"reference {VERSION} - your agents, orchestrated\n".encode() + data)


def replace(parts: Parts) -> Parts:
    """Swap the output."""
    return parts.replace(write_output=write)
