"""Events as JSON: whatever is written can be read again, also after redaction, and nothing else can."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.events import Event, History, Noted, ProcessSeen, Started, TreeSeen, What
from harness.journal import Journal
from reports.redact import redact_json
from tests.harness.histories import end, exited, fired, history, start

KINDS = get_args(What)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2)
)
MAPPINGS = st.dictionaries(st.text(max_size=5), JSON, max_size=2)


def built(kind: Any) -> st.SearchStrategy[Any]:
    """Events of one kind, their open mappings filled with JSON; floats that JSON can write."""
    open_ = {name: MAPPINGS for name in ("params", "facts") if name in get_type_hints(kind)}
    floats = {n: st.floats(0, 1e6) for n, hint in get_type_hints(kind).items() if hint is float}
    return st.builds(kind, **open_, **floats)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_survives_json(kind: Any) -> None:
    @settings(max_examples=8, deadline=None)
    @given(built(kind), st.integers(0, 9), st.integers(0, 999))
    def survives(what: Any, seq: int, at: int) -> None:
        event = Event(seq=seq, at=at / 100, what=what)
        document = json.loads(json.dumps(event.as_json()))
        assert document["kind"] == kind.__name__
        assert Event.from_json(document) == event
        again = Event.from_json(json.loads(json.dumps(redact_json(document, ["secret"], {"/lab": "LAB"}))))
        assert (again.seq, again.at, type(again.what)) == (event.seq, event.at, kind)

    survives()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_field_hides_what_every_event_has(kind: Any) -> None:
    assert {entry.name for entry in fields(kind)} & {"seq", "at", "kind"} == set()


def test_names_are_told_apart() -> None:
    assert len({kind.__name__ for kind in KINDS}) == len(KINDS)


def test_secrets_are_gone_after_redaction_and_the_rest_is_not() -> None:
    what = end("lane0", stdout="token=rt_secret", message="/lab/home/x", agents=("rt_secret",))
    cleaned = redact_json(Event(seq=3, at=0.5, what=what).as_json(), ["rt_secret"], {"/lab": "LAB"})
    assert "rt_secret" not in json.dumps(cleaned)
    again = Event.from_json(json.loads(json.dumps(cleaned)))
    assert again.what.outcome.message == "LAB/home/x"  # type: ignore[union-attr]
    assert again.what.verb == "agent"  # type: ignore[union-attr]


GOOD = Event(seq=0, at=0.0, what=exited("a")).as_json()
FULL = Event(seq=1, at=0.0, what=end("a")).as_json()
TREE = Event(
    seq=1, at=0.0, what=TreeSeen(when="w", processes=(ProcessSeen(pid=1, parent=0, actor="a", command="c"),))
).as_json()
STARTED = Event(seq=1, at=0.0, what=start("a")).as_json()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({**GOOD, "kind": "Vanished"}, "Vanished"),
        ({**GOOD, "kind": ["Exited"]}, "unhashable"),
        ({key: value for key, value in GOOD.items() if key != "kind"}, "kind"),
        ({key: value for key, value in GOOD.items() if key != "seq"}, "seq"),
        ({key: value for key, value in GOOD.items() if key != "actor"}, "actor"),
        ({**GOOD, "colour": "red"}, "has no field colour"),
        ({**GOOD, "actor": 5}, "5 is not str"),
        ({**GOOD, "status": "0"}, "'0' is of no kind"),
        ({**GOOD, "status": True}, "True is of no kind"),
        ({**GOOD, "seq": "0"}, "'0' is not int"),
        ({**GOOD, "seq": True}, "True is not int"),
        ({**GOOD, "at": None}, "None is not float"),
        ({**FULL, "outcome": None}, "None is not Outcome"),
        ({**FULL, "outcome": {**FULL["outcome"], "mood": 1}}, "has no field mood"),
        ({**FULL, "outcome": {**FULL["outcome"], "kind": "fine"}}, "'fine' is not"),
        ({**FULL, "outcome": {**FULL["outcome"], "holder": {"pid": "x", "run": None, "age": None}}},
        "'x' is of no kind"),
        ({**FULL, "outcome": {**FULL["outcome"], "agents": "ab"}}, "'ab' is of no kind"),
        ({**STARTED, "argv": "target"}, "'target' is not"),
        ({**STARTED, "params": []}, "[] is not"),
        ({**TREE, "processes": [{"pid": 1}]}, "missing"),
        ({**TREE, "processes": ["1"]}, "'1' is not ProcessSeen"),
        ("Exited", "'Exited' is not an event"),
        (None, "None is not an event"),
    ],
)  # fmt: skip
def test_what_was_never_written_is_refused(document: Any, said: str) -> None:
    with pytest.raises((KeyError, TypeError)) as raised:
        Event.from_json(document)
    assert said in str(raised.value)


def test_the_journal_numbers_and_dates() -> None:
    times = iter([10.0, 10.5, 12.0])
    journal = Journal(lambda: next(times))
    journal.record(Noted(text="one"))
    journal.record(exited("a"))
    assert [(e.seq, e.at) for e in journal.history().events] == [(0, 0.5), (1, 2.0)]


@pytest.mark.parametrize("what", ["text", None, {"kind": "Noted"}, Noted, GOOD])
def test_the_journal_takes_events_only(what: object) -> None:
    journal = Journal(lambda: 0.0)
    with pytest.raises(TypeError, match="is not an event"):
        journal.record(what)
    assert journal.history() == History(())


def test_a_history_is_asked_by_kind_and_place() -> None:
    events = history(fired(), start("a"), fired("b"))
    assert [(seq, what.actor) for seq, what in events.of(Started)] == [(1, "a")]
    assert [e.seq for e in events.before(2).events] == [0, 1]
    assert [e.seq for e in events.after(1).events] == [2]
