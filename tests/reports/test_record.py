"""record.json: every field survives, and what is not a record is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import record as schema
from reports.record import (
    ArmFacts,
    FileChange,
    FindingFacts,
    Record,
    RecordError,
    Result,
    RuleFacts,
    TargetFacts,
)

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine is shared

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
COUNTS = st.integers(0, 10**6)
ARMS = st.builds(ArmFacts, runs=COUNTS, violated=COUNTS, inconclusive=COUNTS, unknown=COUNTS)
RESULTS = st.builds(
    Result,
    scenario=TEXT,
    title=TEXT,
    where=TEXT,
    rule=TEXT,
    verdict=TEXT,
    findings=st.lists(
        st.builds(FindingFacts, rule=TEXT, message=TEXT, evidence=st.lists(COUNTS, max_size=3).map(tuple)),
        max_size=2,
    ).map(tuple),
    fault=TEXT,
    fault_arm=ARMS,
    control_arm=ARMS,
    replay=TEXT,
    token=TEXT,
    seconds=st.floats(0, 1e6, allow_nan=False),
    control=TEXT,
    notes=TEXTS,
    not_verified=TEXTS,
    commands=TEXTS,
    history=st.lists(
        st.fixed_dictionaries({"seq": COUNTS, "at": st.floats(0, 1e3), "kind": TEXT, "list": st.just([1, None, True])}),
        max_size=2,
    ).map(tuple),
    files=st.lists(st.builds(FileChange, path=TEXT, before=st.none() | TEXT, after=st.none() | TEXT), max_size=2).map(
        tuple
    ),
)
RECORDS = st.builds(
    Record,
    created=TEXT,
    pileup=TEXT,
    command=TEXT,
    seed=st.integers(),
    machine=st.dictionaries(TEXT, TEXT, max_size=2),
    target=st.builds(TargetFacts, name=TEXT, version=TEXT, argv=TEXTS),
    rules=st.lists(st.builds(RuleFacts, id=TEXT, name=TEXT, level=TEXT, statement=TEXT, sources=TEXTS), max_size=2).map(
        tuple
    ),
    results=st.lists(RESULTS, max_size=2).map(tuple),
    interrupted=st.booleans(),
    notes=TEXTS,
)


@UNTIMED
@given(RECORDS)
def test_every_field_survives_a_round_trip(tmp_path_factory: pytest.TempPathFactory, record: Record) -> None:
    path = tmp_path_factory.mktemp("record") / "record.json"
    path.write_text(record.dumps(), encoding="utf-8")
    assert schema.load(path) == record


def test_the_documented_fields_are_where_the_design_says(violated: Record) -> None:
    document = json.loads(violated.dumps())
    assert document["target"]["name"] == "openclaw"
    assert document["target"]["version"] == "2026.3.8"
    for field in ("scenario", "rule", "verdict", "findings", "replay", "seconds"):
        assert all(field in result for result in document["results"])


def _written(path: Path, record: Record, change: Callable[[dict[str, Any]], object]) -> Path:
    document = json.loads(record.dumps())
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no schema": lambda document: document.pop("schema"),
    "no target": lambda document: document.pop("target"),
    "target is text": lambda document: document.update(target="reference"),
    "target without argv": lambda document: document["target"].pop("argv"),
    "results is a number": lambda document: document.update(results=5),
    "result without findings": lambda document: document["results"][0].pop("findings"),
    "result with an unknown field": lambda document: document["results"][0].update(colour="red"),
    "unknown field": lambda document: document.update(colour="red"),
    "arm without runs": lambda document: document["results"][0]["fault_arm"].pop("runs"),
    "evidence is a number": lambda document: document["results"][1]["findings"][0].update(evidence=3),
    "notes is null": lambda document: document.update(notes=None),
    "seconds is text": lambda document: document["results"][0].update(seconds="fast"),
    "runs is true": lambda document: document["results"][0]["fault_arm"].update(runs=True),
    "seed is a fraction": lambda document: document.update(seed=1.5),
    "interrupted is a number": lambda document: document.update(interrupted=0),
    "machine has a number": lambda document: document["machine"].update(processors=4),
    "argv has a number": lambda document: document["target"].update(argv=[1]),
    "argv is text": lambda document: document["target"].update(argv="node"),
    "notes is text": lambda document: document.update(notes="words"),
    "an event is text": lambda document: document["results"][0].update(history=["Started"]),
    "evidence has text": lambda document: document["results"][1]["findings"][0].update(evidence=["3"]),
    "before is a number": lambda document: document["results"][1]["files"][0].update(before=3),
    "rule without sources": lambda document: document["rules"][0].pop("sources"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_damaged_record_is_refused_by_name(
    tmp_path: Path, violated: Record, change: Callable[[dict[str, Any]], object]
) -> None:
    path = _written(tmp_path / "record.json", violated, change)
    with pytest.raises(RecordError, match="not a Pileup record") as caught:
        schema.load(path)
    assert str(path) in str(caught.value)


def test_the_refusal_names_the_field(tmp_path: Path, violated: Record) -> None:
    path = _written(tmp_path / "r.json", violated, lambda document: document["results"][1].update(seconds="fast"))
    with pytest.raises(RecordError, match=r"results\[1\]\.seconds is str, not float"):
        schema.load(path)


def test_a_whole_number_of_seconds_is_a_number(tmp_path: Path, violated: Record) -> None:
    path = _written(tmp_path / "r.json", violated, lambda document: document["results"][0].update(seconds=2))
    assert schema.load(path).results[0].seconds == 2


def test_another_schema_names_both(tmp_path: Path, violated: Record) -> None:
    path = _written(tmp_path / "record.json", violated, lambda document: document.update(schema=2))
    with pytest.raises(RecordError, match="schema 2 is not 1"):
        schema.load(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"7", b'"text"', b"\xff\xfe", b'{"schema": 1}', b"[" * 100_000],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_record_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match="not a Pileup record") as caught:
        schema.load(path)
    assert "give a record.json" in str(caught.value)


def test_a_record_that_lacks_something_names_it(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text("{}")
    with pytest.raises(RecordError, match="it lacks 'schema'"):
        schema.load(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be read: No such file"):
        schema.load(tmp_path / "absent.json")
    with pytest.raises(RecordError, match="cannot be read: Is a directory"):
        schema.load(tmp_path)
