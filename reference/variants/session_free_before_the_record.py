"""A turn lets go of its session and its workspace when its last answer has come, and writes that down afterwards.

Breaks LCK-4. Who has waited for the session goes on with what it was before.
"""

from __future__ import annotations

from reference import parts as usual
from reference import transcript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.home import Home
    from reference.messages import Message
    from reference.parts import Parts, SessionLock

BREAKS = ("LCK-4",)
MAY_BREAK = ("LCK-5", "MSG-3", "MSG-4")  # whenever another run comes between the two

_held: list[SessionLock] = []


class _Late(transcript.Transcript):
    __slots__ = ()

    def append(self, message: Message, deadline: Deadline) -> None:
        """Write it down, a last answer when nobody is kept out any more, and whoever has come meanwhile."""
        if message.role != "assistant" or message.tool_calls:
            super().append(message, deadline)
            return
        for lock in _held:
            lock.release()
        with self.writer(self.path, deadline) as file:
            self._write(file, message)


def _session_lock(home: Home, agent: str, session: str, run_id: str) -> SessionLock:
    _held.append(usual._session_lock(home, agent, session, run_id))
    return _held[-1]


def _workspace_lock(home: Home, path: str, owner: str, run_id: str) -> SessionLock:
    _held.append(usual._workspace_lock(home, path, owner, run_id))
    return _held[-1]


def replace(parts: Parts) -> Parts:
    """Swap the transcript, and keep the locks at hand."""
    return parts.replace(transcript=_Late, session_lock=_session_lock, workspace_lock=_workspace_lock)
