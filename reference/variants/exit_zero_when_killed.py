"""A run that was stopped by a signal exits 0 [CX#4721, OC#86276].

Breaks CHD-7. The handler cleans up and lets the program end normally, and the caller takes half of the work
for all of it.
"""

from __future__ import annotations

from reference.errors import EXIT_OK, EXIT_TIMEOUT, OrchestratorError, Stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CHD-7",)


def status(error: OrchestratorError) -> int:
    """0 for a signal; the time-out and failures as they should be."""
    if isinstance(error, Stopped) and error.exit_status != EXIT_TIMEOUT:
        return EXIT_OK
    return error.exit_status


def replace(parts: Parts) -> Parts:
    """Swap the exit status."""
    return parts.replace(exit_status=status)
