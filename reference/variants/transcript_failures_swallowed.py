"""A record that cannot be written is only logged: the turn reports its answer, which its session does not have.

Breaks RES-1. The next turn is told nothing of it. No single thread.
"""

from __future__ import annotations

from reference import streams, transcript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("RES-1",)


class _Writer(transcript.Writer):
    __slots__ = ()

    def append(self, data: bytes) -> None:
        """Log what the system says, and go on."""
        try:
            super().append(data)
        except OSError as error:
            streams.write_diagnostics(f"reference: {self._path} could not be written: {error.strerror}")


class _Transcript(transcript.Transcript):
    """Takes whatever the system refuses for a trifle."""

    __slots__ = ()
    writer = _Writer


def replace(parts: Parts) -> Parts:
    """Swap the transcript."""
    return parts.replace(transcript=_Transcript)
