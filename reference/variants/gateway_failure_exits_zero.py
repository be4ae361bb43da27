"""A turn that fails in the gateway prints its error, and its command exits 0: for the client all has gone well.

Breaks FLO-9. What it waited for has come, whatever it says. No single thread.
"""

from __future__ import annotations

from reference.errors import OrchestratorError
from reference.gateway import client
from reference.parts import Parts

BREAKS = ("FLO-9",)


def _exit_status(error: OrchestratorError) -> int:
    """That of the error, unless another process has met it."""
    return 0 if isinstance(error, client.Remote) else error.exit_status


def replace(parts: Parts) -> Parts:
    return parts.replace(exit_status=_exit_status)
