"""A line of a stream that begins with a colon is taken for an event, and is none [docker-agent#2349].

Breaks MSG-6. Servers and proxies send such comments to keep a connection alive while a model is slow, and just then the
answer is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reference.errors import Retryable
from reference.providers import sse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)

_all_lines = sse._lines


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for line in _all_lines(chunks):
        if line.startswith(b":"):
            raise Retryable("malformed-stream", "the provider sent an event that is not JSON")
        yield line


def replace(parts: Parts) -> Parts:
    """Swap how a stream is cut into lines."""
    sse._lines = _lines
    return parts
