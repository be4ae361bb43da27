"""One session's transcript: JSON lines, only ever appended.

A record is acknowledged once its line is synced. A line that a crash cut short is moved aside before the
next append, so that two records never fuse; a line that is no record is skipped. Each turn gets a fencing
number higher than any before it; a writer that finds a higher one than its own has been superseded and
writes nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from itertools import dropwhile

from reference import durable
from reference.errors import Busy, Local
from reference.home import make_private
from reference.jsonfile import Damaged, finite, refuse_constant
from reference.messages import Message, ToolCall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, ClassVar

    from reference.deadline import Deadline

    Record = dict[str, Any]

_ENDLESS = 1 << 62  # to one of thousands of digits nothing could be added: Python writes no longer one
_LOST = "The run was stopped while this tool was running; whether it had an effect is not known."


class Transcript:
    """Appends one run's records to one session. Raises Local(`session-superseded`), Busy or OSError."""

    __slots__ = ("_end", "_fence", "_seq", "path", "run_id")
    writer: ClassVar[type[Writer]]

    def __init__(self, path: str, run_id: str) -> None:
        self.path = path
        self.run_id = run_id
        self._fence = 0
        self._seq = 0
        self._end = (0, 0)

    def begin(self, message: Message, deadline: Deadline) -> list[Message]:
        """Start a turn with the user's message; the whole conversation, that message included."""
        make_private(os.path.dirname(self.path))
        with self.writer(self.path, deadline) as file:
            records = parse(file.mend())
            self._fence = highest(records, "fence") + 1
            self._seq = highest(records, "seq")
            self._write(file, message)
        return conversation([*(as_message(r) for r in records), message])

    def append(self, message: Message, deadline: Deadline) -> None:
        """Add one message, durably, if no later turn has begun."""
        with self.writer(self.path, deadline) as file:
            if file.end() != self._end and highest(parse(file.mend()), "fence") > self._fence:
                raise Local(
                    "session-superseded",
                    f"a later run took over {self.path}",
                    hint="look at `reference runs list --all`; this run's answer was not recorded",
                    detail={"path": self.path, "fence": self._fence},
                )
            self._write(file, message)

    def _write(self, file: Writer, message: Message) -> None:
        self._seq += 1
        record = {"seq": self._seq, "fence": self._fence, "run": self.run_id, "at": round(time.time(), 3)}
        file.append(json.dumps(record | as_fields(message)).encode() + b"\n")
        self._end = file.end()


class Writer:
    """The open file under a short flock of its own, which makes "check the fence, then append" one step."""

    __slots__ = ("_deadline", "_descriptor", "_path")

    def __init__(self, path: str, deadline: Deadline) -> None:
        self._path = path
        self._deadline = deadline.sooner(2.0)
        self._descriptor = -1

    def __enter__(self) -> Writer:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            with durable.naming(self._path):
                durable.check_regular(os.fstat(self._descriptor))
                self._lock()
            if not self.end()[1]:  # just made, or by one that was killed before it had synced this
                durable.sync_folder(os.path.dirname(self._path))
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        if isinstance(error, OSError):
            error.filename = error.filename or self._path

    def end(self) -> tuple[int, int]:
        """Which file this is and how long: unchanged as long as nobody else has written."""
        status = os.fstat(self._descriptor)
        return status.st_ino, status.st_size

    def append(self, data: bytes) -> None:
        """Add a whole line or nothing."""
        size = self.end()[1]
        try:
            durable.write_all(self._descriptor, data)
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, size)  # a full disk takes part of a line
            raise

    def mend(self) -> bytes:
        """The file's content, after moving an unfinished last line aside."""
        data = self.read()
        whole = data.rfind(b"\n") + 1
        torn = data[whole:]
        if not torn:
            return data
        if parse(torn):  # all of the record but its line end
            self.append(b"\n")
            return data + b"\n"
        self._keep_aside(torn)
        os.ftruncate(self._descriptor, whole)
        return data[:whole]

    def _keep_aside(self, torn: bytes) -> None:
        path = f"{self._path}.torn"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe may have no reader
        aside = os.open(path, flags, 0o600)
        try:
            with durable.naming(path):
                durable.check_regular(os.fstat(aside))
                durable.write_all(aside, torn + b"\n")
                os.fsync(aside)
        finally:
            os.close(aside)

    def read(self) -> bytes:
        """The whole file."""
        parts = []
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        while part := os.read(self._descriptor, 1 << 20):
            parts.append(part)
        return b"".join(parts)

    def _lock(self) -> None:
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if self._deadline.passed():
                    raise Busy(
                        "transcript-busy",
                        f"{self._path} is being written by another process",
                        hint="see `reference runs list`",
                        detail={"path": self._path},
                    ) from None
                time.sleep(0.002)


Transcript.writer = Writer


def parse(data: bytes) -> list[Record]:
    """The records in these lines; a line that is none is left out (MSG-2)."""
    return [record for line in data.split(b"\n") if (record := _record(line)) is not None]


def highest(records: list[Record], name: str) -> int:
    """The largest number of that name, 0 when there is none. One that nobody can have counted to is none."""
    return max((r[name] for r in records if type(r.get(name)) is int and r[name] < _ENDLESS), default=0)


def as_fields(message: Message) -> Record:
    """A message as it stands in a record."""
    fields: Record = {"role": message.role, "text": message.text}
    if message.tool_calls:
        fields["tool_calls"] = [_as_fields(call) for call in message.tool_calls]
    if message.tool_call_id:
        fields["tool_call_id"] = message.tool_call_id
    if message.delivers:
        fields["delivers"] = message.delivers
    return fields


def _as_fields(call: ToolCall) -> Record:
    signed = {"signature": call.signature, "signed_by": call.signed_by} if call.signature else {}
    return {"id": call.id, "name": call.name, "arguments": call.arguments, **signed}


def as_message(record: Record) -> Message:
    """The message of a record that `parse` let through."""
    calls = tuple(
        ToolCall(**{name: c[name] for name in ToolCall._fields if name in c}) for c in record.get("tool_calls", [])
    )
    return Message(
        role=record["role"],
        text=record["text"],
        tool_calls=calls,
        tool_call_id=record.get("tool_call_id", ""),
        delivers=record.get("delivers", ""),
    )


def conversation(messages: list[Message]) -> list[Message]:
    """What may be sent to a model: every tool call has exactly one result, and no result lacks its call.

    A crash between a call and its result leaves a call without one, and a damaged record may leave a conversation that
    begins with an answer; providers refuse either.
    """
    sent: list[Message] = []
    pending: list[str] = []
    for message in dropwhile(lambda message: message.role != "user", messages):
        if message.role == "tool":
            if message.tool_call_id in pending:
                pending.remove(message.tool_call_id)
                sent.append(message)
            continue
        sent += [Message(role="tool", text=_LOST, tool_call_id=call) for call in pending]
        pending = [call.id for call in message.tool_calls]
        sent.append(message)
    return sent


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line, parse_constant=refuse_constant, parse_float=finite)
    except (ValueError, RecursionError, Damaged):
        return None
    return record if isinstance(record, dict) and _is_message(record) else None


def _is_message(record: Record) -> bool:
    calls = record.get("tool_calls", [])
    return (
        record.get("role") in ("user", "assistant", "tool")
        and isinstance(record.get("text"), str)
        and isinstance(record.get("tool_call_id", ""), str)
        and isinstance(record.get("delivers", ""), str)
        and isinstance(calls, list)
        and all(_is_call(call) for call in calls)
    )


def _is_call(call: object) -> bool:
    if not isinstance(call, dict):
        return False
    texts = all(isinstance(call.get(name), str) for name in ("id", "name"))
    signed = all(isinstance(call.get(name, ""), str) for name in ("signature", "signed_by"))
    return texts and signed and isinstance(call.get("arguments"), dict)
