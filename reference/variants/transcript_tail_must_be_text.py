"""Records hold text as it is, and one that was cut off within a character closes its session [CC#52387].

Breaks MSG-1. The unfinished line is read as UTF-8 before it is known to be none, and what was whole is lost with it.
"""

from __future__ import annotations

import json
import time

from reference import transcript
from reference.errors import Local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.messages import Message
    from reference.parts import Parts

BREAKS = ("MSG-1",)


class _Writer(transcript.Writer):
    __slots__ = ()

    def mend(self) -> bytes:
        """Move what is unfinished aside, if it is text."""
        data = self.read()
        try:
            data[data.rfind(b"\n") + 1 :].decode()
        except UnicodeDecodeError as error:
            raise Local("transcript-damaged", f"{self._path}: {error}") from None
        return super().mend()


class _Transcript(transcript.Transcript):
    """Writes no escapes."""

    __slots__ = ()
    writer = _Writer

    def _write(self, file: transcript.Writer, message: Message) -> None:
        self._seq += 1
        record = {"seq": self._seq, "fence": self._fence, "run": self.run_id, "at": round(time.time(), 3)}
        text = json.dumps(record | transcript.as_fields(message), ensure_ascii=False)
        file.append(text.encode() + b"\n")
        self._end = file.end()


def replace(parts: Parts) -> Parts:
    """Swap the transcript."""
    return parts.replace(transcript=_Transcript)
