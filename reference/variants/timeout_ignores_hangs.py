"""--timeout is looked at between steps, and a step may hang [OC#86276].

Breaks OPS-3. Nothing interrupts a provider that sends nothing or a tool that does not end: the time-out
takes effect when the step is over.
"""

from __future__ import annotations

from reference.deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("OPS-3",)
MAY_BREAK = ("CHD-1", "CHD-7")  # a turn that should be timed out does not end


class BetweenSteps(Deadline):
    """Can be asked whether it has passed, but bounds no wait."""

    __slots__ = ()

    def remaining(self) -> float | None:
        """No end."""
        return None

    def sooner(self, seconds: float) -> Deadline:
        """The other bound alone."""
        return Deadline.after(seconds)

    def passed(self) -> bool:
        """Whether the time is over, for those who ask."""
        return super().remaining() == 0.0


def start(seconds: float | None) -> Deadline:
    """A deadline without the alarm that would interrupt a hang."""
    return BetweenSteps.after(seconds)


def replace(parts: Parts) -> Parts:
    """Swap the deadline."""
    return parts.replace(arm_deadline=start)
