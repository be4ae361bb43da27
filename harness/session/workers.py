"""How many workers `-n auto` has: the processors are no measure for what mostly waits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.places import SCENARIOS

_ENOUGH = 8  # from here on a worker for each processor; each costs a second to start


def automatic(words: Sequence[str], *, modules: bool) -> int | None:
    """Two for each processor, where those are few: half of a scenario is waiting for what it has started.

    `words` name what a session runs, as modules (`--pyargs`) or paths. None leaves it to pytest-xdist: for others than
    the shipped scenarios, and where PYTEST_XDIST_AUTO_NUM_WORKERS says how many.
    """
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or not all(_is_shipped(word, modules) for word in words):
        return None
    processors = len(os.sched_getaffinity(0))
    return max(processors, min(2 * processors, _ENOUGH))


def _is_shipped(word: str, modules: bool) -> bool:
    name = word.partition("::")[0]
    is_module = modules and name.partition(".")[0] == SCENARIOS.name
    return is_module or Path(name).resolve().is_relative_to(SCENARIOS)
