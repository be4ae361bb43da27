"""Records are written, and nobody waits until they are on the disk: a power cut takes turns that were acknowledged.

Breaks CFG-10. Programs that append with a library's `appendFile` never sync.
"""

from __future__ import annotations

from reference import transcript
from reference.variants._unsynced import unsynced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-10",)


class _Writer(transcript.Writer):
    __slots__ = ()

    def append(self, data: bytes) -> None:
        """Write it, and hope."""
        with unsynced():
            super().append(data)


class _Transcript(transcript.Transcript):
    __slots__ = ()
    writer = _Writer


def replace(parts: Parts) -> Parts:
    """Swap the transcript."""
    return parts.replace(transcript=_Transcript)
