"""Whether a later run has the session is looked at before a record is written, and not while nobody else can write.

Breaks LCK-5. Between the two another run may take the session over, and be answered. Martin Kleppmann's "How to do
distributed locking" (2016) is about this moment. No single thread.
"""

from __future__ import annotations

from reference.parts import Parts
from reference.transcript import Transcript, Writer

BREAKS = ("LCK-5",)


class _Unlocked(Writer):
    __slots__ = ()

    def _lock(self) -> None:
        """Keep nobody out: the session's lock does."""


class _Transcript(Transcript):
    __slots__ = ()
    writer = _Unlocked


def replace(parts: Parts) -> Parts:
    """Swap the transcript."""
    return parts.replace(transcript=_Transcript)
