"""The pure model of a timeline, its sentences, its places, and its drawing as text."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import events
from reports import history, svg, textline, timeline, words
from reports.record import Result

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine is shared

START = {"kind": "Started", "actor": "a", "verb": "run", "params": {}, "argv": ["x"], "pid": 1}
EXIT = {"kind": "Exited", "actor": "a", "status": 0, "signal": None}


def built(
    *documents: dict[str, Any], evidence: tuple[tuple[int, ...], ...] = (), limit: int = 240
) -> timeline.Timeline:
    numbered = [{"seq": seq, "at": seq / 10, **document} for seq, document in enumerate(documents, 1)]
    return timeline.build(history.read(numbered), evidence, limit)


def spans(drawn: timeline.Timeline, kind: str) -> list[tuple[str, int, int | None]]:
    return [(bar.lane.label, bar.start, bar.end) for bar in drawn.bars if bar.kind == kind]


def test_an_empty_history_has_nothing_to_draw() -> None:
    drawn = built()
    assert (drawn.lanes, drawn.bars, drawn.marks, drawn.total) == ((), (), (), 0)
    assert svg.place(drawn).marks == ()


def test_a_lost_update_has_four_lanes_with_processes_and_held_calls(lost: Result) -> None:
    drawn = timeline.build(history.read(lost.history), [finding.evidence for finding in lost.findings])
    lanes = ["add-lane1", "add-lane2", "add-lane3", "add-lane4"]
    assert [lane.label for lane in drawn.lanes] == [*lanes, "files", "harness"]
    assert spans(drawn, "process") == [(lane, 2 + n, 15 + 3 * n) for n, lane in enumerate(lanes)]
    assert spans(drawn, "tree") == [(lane, 15 + 3 * n, 16 + 3 * n) for n, lane in enumerate(lanes)]
    assert spans(drawn, "held") == [(lane, 6 + n, 11 + n) for n, lane in enumerate(lanes)]
    assert {mark.seq: mark.findings for mark in drawn.marks if mark.findings} == {
        6: (2,), 7: (2,), 15: (1,), 18: (1,), 21: (1,), 27: (1,),
    }  # fmt: skip


def test_one_event_can_show_two_findings() -> None:
    assert built(START, evidence=((1, 1), (1,))).marks[0].findings == (1, 2)


def test_grants_stand_once_in_the_token_lane_and_requests_know_their_sender(storm: Result) -> None:
    drawn = timeline.build(history.read(storm.history))
    token = [(mark.kind, mark.seq) for mark in drawn.marks if mark.lane.kind == "token"]
    assert token == [("request", seq) for seq in (6, 8, 10, 12)] + [("grant", seq) for seq in (13, 15, 17, 19)]
    assert [(mark.lane.label, mark.actor) for mark in drawn.marks if mark.kind == "request" and mark.seq > 20] == [
        ("anthropic", "run-a"),
        ("gemini", ""),
    ]
    assert spans(drawn, "exchange")[-2:] == [("anthropic", 21, 23), ("gemini", 24, None)]


def test_an_oauth_exchange_without_a_grant_is_still_shown() -> None:
    revoke = {
        "kind": "RequestReceived",
        "exchange": 1,
        "provider": "oauth",
        "method": "POST",
        "path": "/revoke",
    }
    drawn = built(revoke, {"kind": "ReplySent", "exchange": 1, "provider": "oauth", "status": 200})
    assert [(mark.lane.label, mark.kind) for mark in drawn.marks] == [
        ("token endpoint", "request"),
        ("token endpoint", "reply"),
    ]


def test_survivors_leave_an_open_bar_but_not_looking_is_not_surviving() -> None:
    survivor = {"kind": "SurvivorSeen", "actor": "a", "pid": 2, "command": "x", "listed": ""}
    assert spans(built(START, EXIT, survivor), "tree") == [("a", 2, None)]
    assert spans(built(START, EXIT), "tree") == []
    assert spans(built(START), "process") == [("a", 1, None)]
    assert spans(built(START, EXIT, {"kind": "TreeEnded", "actor": "a"}), "tree") == [("a", 2, 3)]


def test_two_commands_of_one_actor_are_two_bars() -> None:
    assert spans(built(START, EXIT, START, EXIT), "process") == [("a", 1, 2), ("a", 3, 4)]
    assert spans(built(START, START, EXIT), "process") == [("a", 1, 2), ("a", 2, 3)]


def test_ends_without_beginnings_are_only_marks() -> None:
    drawn = built({"kind": "CallReleased", "actor": "a", "call": "open", "path": "p", "index": 1, "why": "killed"})
    assert (drawn.bars, [mark.kind for mark in drawn.marks]) == ((), ["released"])


def test_a_long_history_keeps_its_evidence_and_its_starts() -> None:
    beats = [{"kind": "ChildBeat", "child": "b", "beats": n, "advanced": True} for n in range(1000)]
    drawn = built(START, *beats, EXIT, evidence=((500,),), limit=20)
    seqs = [mark.seq for mark in drawn.marks]
    assert len(seqs) == 20
    assert seqs == sorted(seqs)
    assert {1, 500, 1002} <= set(seqs)
    assert set(seqs) - {1, 1002} <= set(range(480, 521))  # the nearest to the evidence
    assert drawn.total == 1002
    assert textline.draw(drawn)[-1] == "(982 of 1002 events are not drawn; record.json has them all)"


def test_the_humblest_evidence_goes_before_what_is_not_evidence() -> None:
    beat = {"kind": "ChildBeat", "child": "b", "beats": 1, "advanced": True}
    drawn = built(beat, *[START] * 50, evidence=((1,),), limit=10)
    assert drawn.marks[0].findings == (1,)


def test_evidence_alone_can_exceed_the_limit() -> None:
    drawn = built(*[START] * 30, evidence=(tuple(range(1, 31)),), limit=10)
    assert len(drawn.marks) == 10
    assert svg.place(drawn).marks


@pytest.mark.parametrize(
    "junk",
    [None, 3, "x", [], {}, {"seq": "1"}, {"seq": True}, {"seq": None, "kind": "Started"}, {"seq": 1.5}],
)
def test_what_cannot_be_placed_is_left_out(junk: Any) -> None:
    assert history.read([junk]) == ()


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KINDS = sorted(kind.__name__ for kind in get_args(events.What))
FIELDS = sorted({field for kind in get_args(events.What) for field in kind.__slots__} - {"kind"})


@UNTIMED
@given(
    st.lists(
        st.builds(
            lambda kind, fields, seq, at: {"kind": kind, **fields, "seq": seq, "at": at},
            st.sampled_from(KINDS) | VALUES,
            st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8),
            st.integers(0, 9),
            VALUES,
        ),
        max_size=6,
    )
)
def test_any_json_can_be_drawn(documents: list[dict[str, Any]]) -> None:
    entries = history.read(documents)
    drawn = timeline.build(entries, [(1, 2)])
    placed = svg.place(drawn)
    assert len(placed.marks) == len(drawn.marks)
    assert all(0 <= mark.x <= placed.width and 0 <= mark.y <= placed.height for mark in placed.marks)
    assert all(bar.x + bar.width <= placed.width + 0.2 for bar in placed.bars)
    assert len(textline.draw(drawn)) == 1 + len(drawn.marks) + (drawn.total > len(drawn.marks))


def test_every_kind_of_the_vocabulary_has_a_sentence_and_a_mark() -> None:
    missing = [
        kind for kind in KINDS if words.describe(history.Entry(seq=1, at=0, kind=kind, fields={})).startswith(kind)
    ]
    assert missing == []
    entry = {kind: timeline.build(history.read([{"seq": 1, "at": 0, "kind": kind}])).marks[0].kind for kind in KINDS}
    assert {kind for kind, mark in entry.items() if mark == "note"} == {"Noted"}
    assert set(entry.values()) <= set(textline.GLYPHS)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (START, "a starts run, pid 1: x"),
        ({**START, "params": {"name": "l 1", "n": None}}, "a starts run (name=l 1), pid 1: x"),
        (EXIT, "a exits 0"),
        ({**EXIT, "status": None, "signal": 9}, "a is ended by SIGKILL"),
        ({"kind": "Signalled", "actor": "a", "signal": 15, "to": "group"}, "SIGTERM is sent to a (group)"),
        (
            {"kind": "Signalled", "actor": "a", "signal": 999, "to": "child"},
            "signal 999 is sent to a (child)",
        ),
        (
            {"kind": "FileSeen", "role": "config", "path": "p", "exists": False},
            "the config file p does not exist",
        ),
        (
            {"kind": "FileSeen", "role": "config", "path": "p", "exists": True, "size": 0, "parses": False},
            "the config file p is seen: 0 bytes, DOES NOT PARSE",
        ),
        (
            {"kind": "ChildBeat", "child": "b", "beats": 2, "advanced": False},
            "child work b is still at beat 2",
        ),
        (
            {
                "kind": "TokenAnswered",
                "exchange": 1,
                "status": 0,
                "decision": "rotated",
                "family": "f",
                "generation": 0,
            },
            "exchange 1: grant decided: rotated (no answer is sent, family=f, generation=0)",
        ),
        (
            {
                "kind": "ReplySent",
                "exchange": 1,
                "provider": "gemini",
                "status": 0,
                "frames": 1,
                "outcome": "reset",
            },
            "exchange 1: gemini answers with no status line and 1 frame: reset",
        ),
        (
            {"kind": "ReplySent", "exchange": 1, "provider": "codex", "status": 200, "reply": "text", "frames": 2},
            "exchange 1: codex answers text with status 200 and 2 frames: ",
        ),
        (
            {"kind": "Finished", "actor": "a", "verb": "agents list", "outcome": {"ok": True, "agents": ["x", "y"]}},
            "a reports success for agents list: agents=x y",
        ),
        (
            {
                "kind": "Finished",
                "actor": "a",
                "verb": "runs list",
                "outcome": {"ok": True, "agents": None, "runs": []},
            },
            "a reports success for runs list: runs=none",
        ),
        (
            {
                "kind": "Finished",
                "actor": "a",
                "verb": "v",
                "outcome": {"ok": True, "runs": [{"id": "r", "status": "s"}]},
            },
            "a reports success for v: runs=r (s)",
        ),
        ({"kind": "LockSeen", "path": "p", "holder": 0}, "the lock on p is free"),
        ({"kind": "LockSeen", "path": "p", "holder": 7}, "the lock on p is held by pid 7"),
        ({"kind": "PortSeen", "port": 0, "process": ""}, "no process of the run listens on a port"),
        ({"kind": "Hung", "actor": "a", "seconds": 30.0}, "a has not ended after 30.0 s and is killed by the harness"),
        ({"kind": "Comet", "tail": 3}, "Comet: tail=3"),
    ],
)
def test_sentences(document: dict[str, Any], sentence: str) -> None:
    (entry,) = history.read([{"seq": 1, "at": 0.0, **document}])
    assert words.describe(entry) == sentence


def test_the_text_drawing_has_one_column_a_lane_and_one_row_an_event(lost: Result) -> None:
    rows = textline.draw(timeline.build(history.read(lost.history), [finding.evidence for finding in lost.findings]))
    header = rows[0]
    columns = {label: header.index(label) for label in ("add-lane1", "add-lane4", "files", "harness")}
    by_seq = {int(row.split("#")[1].split()[0]): row for row in rows[1:]}
    assert len(by_seq) == 27
    assert by_seq[2][columns["add-lane1"]] == "►"
    assert by_seq[10][columns["add-lane4"]] == "║"
    assert by_seq[10][columns["harness"]] == "✱"
    assert by_seq[12][columns["add-lane1"]] == "│"
    assert by_seq[27].startswith("[1]")
    assert by_seq[27][columns["files"]] == "≡"
    assert not by_seq[10].startswith("[")


def test_places_keep_the_order_and_a_long_wait_is_longer() -> None:
    drawn = timeline.build(
        history.read([{"seq": seq, "at": at, **START} for seq, at in enumerate((0, 0.001, 0.002, 9.0), 1)])
    )
    xs = [mark.x for mark in svg.place(drawn).marks]
    assert xs == sorted(set(xs))
    assert xs[3] - xs[2] > 2 * (xs[2] - xs[1])
    assert xs[3] - xs[2] < 20 * (xs[2] - xs[1])


ROUNDS = [
    {"seq": 3 * number + step, "at": number, "kind": kind, "actor": f"round{number}", "argv": ["x"]}
    for number in range(40)
    for step, kind in enumerate(("Started", "Exited"))
]


def test_of_many_rounds_those_around_the_findings_are_drawn() -> None:
    drawn = timeline.build(history.read(ROUNDS), [(91,)])
    assert [lane.label for lane in drawn.lanes] == [f"round{number}" for number in range(25, 37)]
    assert {bar.lane for bar in drawn.bars} == set(drawn.lanes)
    assert drawn.total == len(ROUNDS)
    assert [mark.seq for mark in drawn.marks if mark.findings] == [91]
    assert len(timeline.build(history.read(ROUNDS)).lanes) == 40


def test_no_evidence_is_left_out_for_being_much() -> None:
    drawn = timeline.build(history.read(ROUNDS), [(3 * number,) for number in range(10, 35)])
    assert [lane.label for lane in drawn.lanes] == [f"round{number}" for number in range(10, 35)]


def test_what_has_no_actor_is_drawn_in_that_time_only() -> None:
    notes = [{"seq": seq, "at": 0, "kind": "Noted", "text": "a"} for seq in (2, 50, 92)]
    drawn = timeline.build(history.read(sorted([*ROUNDS, *notes], key=lambda entry: entry["seq"])), [(91,)])
    assert [mark.seq for mark in drawn.marks if mark.kind == "note"] == [92]
