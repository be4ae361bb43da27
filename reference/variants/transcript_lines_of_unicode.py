"""Records hold text as it is, and are read line by line, by whatever Unicode calls the end of one [CP#2012].

Breaks MSG-1, MSG-2 and CFG-10. JSON writes U+2028 and U+0085 as they are; `str.splitlines`, and Node's readline,
end a line there: a message in which somebody has pasted one is gone.
"""

from __future__ import annotations

import json
import time

from reference import transcript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.messages import Message
    from reference.parts import Parts
    from reference.transcript import Record

BREAKS = ("MSG-1", "MSG-2", "CFG-10")


class _Transcript(transcript.Transcript):
    """Writes no escapes."""

    __slots__ = ()

    def _write(self, file: transcript.Writer, message: Message) -> None:
        self._seq += 1
        record = {"seq": self._seq, "fence": self._fence, "run": self.run_id, "at": round(time.time(), 3)}
        text = json.dumps(record | transcript.as_fields(message), ensure_ascii=False)
        file.append(text.encode("utf-8", "surrogatepass") + b"\n")
        self._end = file.end()


def _parse(data: bytes) -> list[Record]:
    """The records in what looks like lines."""
    lines = data.decode("utf-8", "replace").splitlines()
    return [record for line in lines if (record := transcript._record(line.encode())) is not None]


def replace(parts: Parts) -> Parts:
    """Swap how records are written, and read."""
    transcript.parse = _parse
    return parts.replace(transcript=_Transcript)
