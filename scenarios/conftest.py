"""How many workers `pytest scenarios/ -n auto` has."""

from __future__ import annotations

import os

import pytest

_ENOUGH = 8  # from here on a worker for each processor; each costs a second to start


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Two for each processor, where those are few: half of a scenario's time is waiting for what it has started."""
    if config.option.numprocesses != "auto" or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    processors = len(os.sched_getaffinity(0))
    return max(processors, min(2 * processors, _ENOUGH))
