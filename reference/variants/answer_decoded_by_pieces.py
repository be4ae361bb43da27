"""What comes of an answer is decoded piece by piece: a character that lies in two of them is lost.

Breaks MSG-6. Where a network cuts a stream is nobody's choice; what is not written in ASCII suffers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reference.providers import sse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)

_all_lines = sse._lines


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    return _all_lines(chunk.decode(errors="replace").encode() for chunk in chunks)


def replace(parts: Parts) -> Parts:
    """Swap how a stream is cut into lines."""
    sse._lines = _lines
    return parts
