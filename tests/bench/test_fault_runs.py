"""The bench of seeded faults works, and its oracle notices a byte that is not as scripted."""

from __future__ import annotations

import pytest

from bench import fault_runs
from bench.rounds import BenchError
from fakes import layout


def test_a_few_seeds() -> None:
    found = fault_runs.run(rounds=1, say=lambda line: None, runs=20, repeated=3)
    assert [row.value for row in found.counts] == [20, 3]


def test_a_cut_one_byte_too_early_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    place = layout._place_in_content
    monkeypatch.setattr(layout, "_place_in_content", lambda *given: max(place(*given) - 1, 0))
    with pytest.raises(BenchError, match="seed"):
        fault_runs.run(rounds=1, say=lambda line: None, runs=40, repeated=1)
