"""An unknown agent is met with a traceback.

Breaks RES-5 and OPS-2. The name is looked up without asking whether it is there; the user reads Python instead of
what to do, and a caller gets no document. No single thread: the commonest kind of bug report there is.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("RES-5", "OPS-2")


def agent_entry(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The agent's part of the config, or KeyError all the way up."""
    if name not in config.get("agents", {}):
        sys.excepthook = sys.__excepthook__
    entry: dict[str, Any] = config["agents"][name]
    return entry


def replace(parts: Parts) -> Parts:
    """Swap the look-up of agents."""
    return parts.replace(agent_entry=agent_entry)
