"""A CR at the end of what has come ends a line, and the LF that comes next ends an empty one.

Breaks MSG-6. The empty line ends an event before its data have come, where a network cuts between CR and LF.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reference.providers import sse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    pending = b""
    for chunk in chunks:
        *lines, pending = sse._LINE_END.split(pending + chunk)
        yield from lines


def replace(parts: Parts) -> Parts:
    """Swap how a stream is cut into lines."""
    sse._lines = _lines
    return parts
