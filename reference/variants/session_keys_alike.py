"""A session is known by its agent's name and its own with a hyphen between: `a-b` + `c` is `a` + `b-c`.

Breaks LCK-1 and MSG-3. Two sessions have one lock and one transcript: each waits for the other, and is told what was
said to it.
"""

from __future__ import annotations

import os

from reference.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("LCK-1", "MSG-3")


def _lock(self: Home, agent: str, session: str) -> str:
    return self.lock(f"session-{agent}-{session}")


def _transcript(self: Home, agent: str, session: str) -> str:
    folder = agent.partition("-")[0]  # the agent's own where its name has no hyphen: that is where others look for it
    return os.path.join(self.sessions, folder, f"{agent}-{session}.jsonl")


def replace(parts: Parts) -> Parts:
    """Swap where a session's lock and transcript are."""
    Home.session_lock = _lock  # type: ignore[method-assign]
    Home.transcript = _transcript  # type: ignore[method-assign]
    return parts
