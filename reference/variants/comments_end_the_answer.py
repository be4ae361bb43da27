"""A line of a stream that begins with a colon is taken for an event, and is none [docker-agent#2349].

Breaks MSG-6. Servers and proxies send such comments to keep a connection alive while a model is slow, and just then the
answer is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from reference.errors import Retryable
from reference.parts import Parts

BREAKS = ("MSG-6",)


def _complete(**arguments: Any) -> Any:
    """Ask as always; the reader of streams is imported on use."""
    from reference import failover
    from reference.providers import sse

    lines = sse._lines

    def without_comments(chunks: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines(chunks):
            if line.startswith(b":"):
                raise Retryable("malformed-stream", "the provider sent an event that is not JSON")
            yield line

    sse._lines = without_comments
    try:
        return failover.complete(**arguments)
    finally:
        sse._lines = lines


def replace(parts: Parts) -> Parts:
    """Swap how streams are read."""
    return parts.replace(complete=_complete)
