"""How long a provider may be silent is how long its whole answer may take: a long one is cut off, as if stalled.

Breaks FLO-3. One time-out for a request is what most HTTP clients have; the answer is paid for, and asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator

from reference.deadline import Deadline
from reference.errors import Retryable
from reference.providers import transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("FLO-3",)

_chunks = transport.Answer.chunks


def _in_time(self: transport.Answer) -> Iterator[bytes]:
    end = Deadline.after(self._request.idle)
    for chunk in _chunks(self):
        if end.passed():
            raise Retryable("stalled", f"{self._request.provider} took longer than {self._request.idle:g} s")
        yield chunk


def replace(parts: Parts) -> Parts:
    """Swap how an answer is read."""
    transport.Answer.chunks = _in_time  # type: ignore[method-assign]
    return parts
