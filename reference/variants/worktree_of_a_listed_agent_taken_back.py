"""An add that fails takes its worktree back, and nobody looks whether its agent stands in the config by then.

Breaks CFG-12. What fails may be the sync that comes after the config was put in place: the agent is there for
everybody, and its workspace is gone. No single thread.
"""

from __future__ import annotations

from reference.commands import agents
from reference.config import ConfigStore
from reference.parts import Parts

BREAKS = ("CFG-12",)


def _never(store: ConfigStore, name: str) -> bool:
    return False


def replace(parts: Parts) -> Parts:
    """Swap how a failed add learns whether its agent is there."""
    agents._is_listed = _never
    return parts
