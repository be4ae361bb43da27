"""How pytest-xdist distributes the shipped scenarios: how many workers `-n auto` has, and who runs what."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.places import SCENARIOS

_ENOUGH = 8  # from here on a worker for each processor; each costs a second to start


def automatic(words: Sequence[str], *, modules: bool) -> int | None:
    """Two for each processor and one more, where those are few: half of a scenario is waiting for what it has started.

    `words` name what a session runs, as modules (`--pyargs`) or paths. None leaves it to pytest-xdist: for others than
    the shipped scenarios, and where PYTEST_XDIST_AUTO_NUM_WORKERS says how many.
    """
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or not shipped(words, modules=modules):
        return None
    processors = len(os.sched_getaffinity(0))
    return max(processors, min(2 * processors + 1, _ENOUGH))


def shipped(words: Sequence[str], *, modules: bool) -> bool:
    """Whether a session runs nothing but shipped scenarios. Some of these take ten times as long as most."""
    return all(_is_shipped(word, modules) for word in words)


def _is_shipped(word: str, modules: bool) -> bool:
    name = word.partition("::")[0]
    is_module = modules and name.partition(".")[0] == SCENARIOS.name
    return is_module or Path(name).resolve().is_relative_to(SCENARIOS)
