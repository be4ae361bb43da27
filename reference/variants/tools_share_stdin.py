"""Tools get the standard input of the command: one with a question waits for an answer that nobody will give.

Breaks OPS-5. Where it is a terminal, the question is asked of whoever does not look.
"""

from __future__ import annotations

import os
import subprocess

from reference.tools import keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-5",)

_keep_only = keeper._keep_descriptors


def _keep_stdin_too(kept: set[int]) -> None:
    """In the keeper, just forked: what it holds on to."""
    ours = os.dup(0)
    _keep_only({*kept, ours})
    os.dup2(ours, 0)


def _spawn(self: keeper._Keeper) -> subprocess.Popen[bytes]:
    output = self.work.output if self.work.output >= 0 else subprocess.DEVNULL
    return subprocess.Popen(
        ["/bin/sh", "-c", self.work.command],
        cwd=self.work.workspace,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def replace(parts: Parts) -> Parts:
    """Swap what a tool's shell inherits."""
    keeper._keep_descriptors = _keep_stdin_too
    keeper._Keeper._spawn = _spawn  # type: ignore[method-assign]
    return parts
