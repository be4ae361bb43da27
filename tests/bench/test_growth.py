"""The bench that looks for growth works, and in a short run finds none."""

from __future__ import annotations

from bench import growth


def test_a_thousand_odd_requests_leave_nothing_open() -> None:
    found = growth.run(rounds=1, say=lambda line: None, count=1600, warm=1600)
    counts = {row.measure: row.value for row in found.counts}
    assert counts["requests"] == 1600
    assert counts["descriptor growth"] <= 0
    assert counts["memory growth"] < 8
    assert "200: " in found.notes[0]
