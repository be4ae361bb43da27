"""One line of a transcript that is no record makes the whole session unusable [CX#24425].

Breaks MSG-2. The reader is strict, as for a config: but nobody edits this file, and what stands before and after the
line is as good as it was.
"""

from __future__ import annotations

from reference import transcript
from reference.errors import Local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-2",)


class _Writer(transcript.Writer):
    __slots__ = ()

    def mend(self) -> bytes:
        """The file's content. Raises Local(`session-damaged`) for a line that is no record."""
        data = super().mend()
        for number, line in enumerate(data.split(b"\n")[:-1], start=1):
            if not transcript.parse(line):
                raise Local("session-damaged", f"line {number} of the session cannot be read")
        return data


class _Transcript(transcript.Transcript):
    """Reads all or nothing."""

    __slots__ = ()
    writer = _Writer


def replace(parts: Parts) -> Parts:
    """Swap the transcript."""
    return parts.replace(transcript=_Transcript)
