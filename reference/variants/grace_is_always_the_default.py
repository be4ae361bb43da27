"""Child work gets the same two seconds to end, whatever the config grants it.

Breaks CHD-1: what needs longer to save its work is killed in the middle of that. The same as in consul (#3121), where
five seconds were fixed, and buildkite-agent, where it was ten.
"""

from __future__ import annotations

from reference import stopping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CHD-1",)


def replace(parts: Parts) -> Parts:
    """Swap how a process learns of its grace period."""
    stopping.set_grace = lambda seconds: None
    return parts
