"""A run's parameters, drawn by Hypothesis from the plan's own source of choices.

Which values there are is said by a Hypothesis strategy, as in any property-based test; which one a run has depends on
its seed alone, so that a replay has the same. Hypothesis does not shrink here: what is made simpler is the schedule.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
_EXAMPLES = 6  # the first are always the simplest that there are; the last is what is taken


def draw(strategy: SearchStrategy[T], chance: random.Random) -> T:
    """One value. Raises what Hypothesis raises for a strategy that has none."""
    import hypothesis as h  # half a second, for scenarios that draw only

    drawn: list[T] = []

    @h.seed(chance.getrandbits(64))
    @h.settings(
        max_examples=_EXAMPLES, database=None, deadline=None, phases=[h.Phase.generate],
        suppress_health_check=list(h.HealthCheck),
    )  # fmt: skip
    @h.given(strategy)
    def take(value: T) -> None:
        drawn.append(value)

    take()
    return drawn[-1]
