"""A run whose terminal was closed ends in good order and exits 0: nobody is there to read the status, it was thought.

Breaks CHD-7. Whoever started it over ssh, or in a session that was ended, reads the status and takes it for done.
"""

from __future__ import annotations

from reference.errors import EXIT_HUNG_UP, EXIT_OK, OrchestratorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CHD-7",)


def _status(error: OrchestratorError) -> int:
    return EXIT_OK if error.exit_status == EXIT_HUNG_UP else error.exit_status


def replace(parts: Parts) -> Parts:
    """Swap the exit status."""
    return parts.replace(exit_status=_status)
