"""The bench of the fakes works and says what it left out. No test looks at how fast anything was."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import fakes, peers
from bench.results import OURS, Row


def test_every_measure_of_our_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEERS", tmp_path)
    found = fakes.run(rounds=1, say=lambda line: None, count=60, streams=3)
    assert {row.measure for row in found.counts} == set(fakes.WANTED)
    assert {row.arm for row in found.counts} == {OURS}
    assert all(row.value > 0 for row in found.counts)
    assert [note for note in found.notes if "left out" in note and "npm install" in note]


def test_where_we_are_behind_is_said() -> None:
    rows = [
        Row(measure="pacing", arm=OURS, value=9.0, unit="ms"),
        Row(measure="pacing", arm="aimock", value=4.0, unit="ms"),
        Row(measure="completions", arm=OURS, value=20_000.0, unit="1/s"),
        Row(measure="completions", arm="aimock", value=13_000.0, unit="1/s"),
    ]
    assert fakes._verdicts(rows) == (
        "pacing: 9 ms is short of the 5 wanted",
        "pacing: aimock is ahead, 4 to 9 ms",
    )
