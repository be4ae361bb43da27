"""Tools inherit that SIGPIPE is ignored here: who writes to a reader who has gone is never ended [pi_agent_rust#65].

Breaks MSG-6. `… | head -1` runs for as long as its first command likes, and the model waits for it.
"""

from __future__ import annotations

import subprocess
from functools import partial

from reference.parts import Parts
from reference.tools import keeper

BREAKS = ("MSG-6",)


class _Subprocess:
    """The module, with another default for what a child's signals are."""

    DEVNULL = subprocess.DEVNULL
    Popen = partial(subprocess.Popen, restore_signals=False)


def replace(parts: Parts) -> Parts:
    """Swap how a tool's shell is started."""
    keeper.subprocess = _Subprocess  # type: ignore[assignment, attr-defined]
    return parts
