"""A delegated run writes its result into its parent's session, and gives up when that is busy [OC#44925, OC#101751].

Breaks MSG-4. It waits for the session's lock, but not long. The parent lets go of the lock while it has nothing to do
but wait; a run that ends while the parent asks its model or runs a tool is reported nowhere, and has succeeded.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from reference import runs, sessions
from reference.deadline import Deadline
from reference.delegation import Delegation, news
from reference.errors import Busy
from reference.home import Home
from reference.locks import Lock
from reference.transcript import Writer, as_fields, as_message, highest, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reference.errors import Local
    from reference.messages import Message
    from reference.parts import Parts
    from reference.transcript import Transcript

BREAKS = ("MSG-4",)
_PATIENCE = 0.2  # seconds

_held: list[sessions.SessionLock] = []  # by the turn of this process


class _SessionLock(sessions.SessionLock):
    __slots__ = ()

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        """Wait for the session, and remember who has it. Raises Busy(`session-busy`)."""
        super().acquire(deadline, waiting)
        _held[:] = [self]


class _Registry(runs.Registry):
    __slots__ = ()

    def finish(
        self, run_id: str, status: str, *, error: Mapping[str, Any] | None = None, text: str = ""
    ) -> dict[str, Any]:
        """Record how a run ended, and tell its parent's session if that is not busy."""
        row = super().finish(run_id, status, error=error, text=text)
        if row["parent"] and row["pid"] == os.getpid():
            parent, home = self.get(row["parent"]), Home(os.path.dirname(self.path))
            try:
                with Lock(home.session_lock(parent["agent"], parent["session"])).acquire(Deadline.after(_PATIENCE)):
                    _announce(row, home.transcript(parent["agent"], parent["session"]))
            except Busy:
                pass
        return row


def _announce(row: dict[str, Any], path: str) -> None:
    with Writer(path, Deadline.after(_PATIENCE)) as file:
        records = parse(file.mend())
        place = {"seq": highest(records, "seq") + 1, "fence": highest(records, "fence"), "run": row["id"]}
        record = place | {"at": round(time.time(), 3)} | as_fields(news(row))
        file.append(json.dumps(record).encode() + b"\n")


class _Delegation(Delegation):
    def deliver(self, transcript: Transcript, messages: list[Message], deadline: Deadline) -> None:
        """Read what was written into the session by others."""
        messages += self._unread(messages)

    def wait(self, messages: list[Message], deadline: Deadline) -> bool:
        """Wait for what runs, with the session unlocked; whether anything has been written."""
        running = [row for row in self.owed(messages) if row["status"] == "running"]
        if running:
            [lock] = _held
            lock.release()
            for row in running:
                runs.wait_for(row, deadline)
            lock.acquire(deadline.sooner(sessions.WAIT_SECONDS), lambda busy: None)
        return bool(self._unread(messages))

    def _unread(self, messages: list[Message]) -> list[Message]:
        known = self.delivered(messages)
        with open(self.home.transcript(self.request.agent, self.request.session), "rb") as file:
            found = [as_message(record) for record in parse(file.read())]
        return [message for message in found if message.delivers and message.delivers not in known]


def replace(parts: Parts) -> Parts:
    """Swap the delegation, and what it needs: the table that announces, and the lock that is let go."""
    return parts.replace(
        delegation=_Delegation,
        session_lock=_SessionLock,
        run_registry=_Registry.open,
    )
