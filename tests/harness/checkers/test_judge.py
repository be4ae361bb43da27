"""The judge: what outranks what, and that no history and no checker can make it raise."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import harness.checkers
from harness.checkers.judge import CannotDecide, failures_in, judge
from harness.events import Event, FaultPlanned, History
from harness.outcome import Outcome
from harness.verdict import Finding, Verdict, merge
from tests.harness.histories import KNOWN, fired, history, hung

FINDING = Finding(rule="CFG-1", message="broke", evidence=(0,))
PLANNED = FaultPlanned(fault="it")
ALL = [
    checker
    for module in (import_module(f"harness.checkers.{each.name}") for each in iter_modules(harness.checkers.__path__))
    for name, checker in vars(module).items()
    if callable(checker) and getattr(checker, "__module__", "") == module.__name__ and not name.startswith("_")
    if checker.__annotations__ == {"history": "History", "return": "list[Finding]"}
]


def content(_: History) -> Collection[Finding]:
    return []


def breaks(_: History) -> Collection[Finding]:
    return [FINDING]


def cannot(_: History) -> Collection[Finding]:
    raise CannotDecide("nobody looked")


def crashes(_: History) -> Collection[Finding]:
    raise KeyError("gone")


def forgets(_: History) -> Any:
    return None


ORDER = [
    ("all-well", [content], [PLANNED, fired()], (), Verdict.CONFORMS, ()),
    ("finding-over-all", [crashes, cannot, breaks], [PLANNED, hung("a")], ("we failed",), Verdict.VIOLATED, None),
    ("finding-though-it-never-fired", [breaks], [PLANNED], (), Verdict.VIOLATED, ("the fault never fired: it",)),
    ("not-fired-over-undecided", [cannot], [PLANNED], (), Verdict.INCONCLUSIVE, None),
    ("undecided-beside-content", [content, cannot], [PLANNED, fired()], (), Verdict.UNKNOWN,
    ("cannot: nobody looked",)),
    ("our-own-failure", [content], [PLANNED, fired()], ("we failed",), Verdict.UNKNOWN, ("we failed",)),
    ("hung", [content], [PLANNED, fired(), hung("a")], (), Verdict.UNKNOWN,
    ("a did not end within 60 s and was killed",)),
    ("nobody-asked", [], [PLANNED, fired()], (), Verdict.UNKNOWN, ("no checker was asked",)),
    ("not-fired", [content], [PLANNED], (), Verdict.INCONCLUSIVE, ("the fault never fired: it",)),
    ("one-of-two-not-fired", [content], [FaultPlanned(fault="b"), PLANNED, fired()], (), Verdict.INCONCLUSIVE,
     ("the fault never fired: b",)),
    ("another-fired", [content], [PLANNED, fired("b")], (), Verdict.INCONCLUSIVE, ("the fault never fired: it",)),
    ("planned-twice-said-once", [content], [PLANNED, PLANNED], (), Verdict.INCONCLUSIVE,
    ("the fault never fired: it",)),
    ("none-planned", [content], [], (), Verdict.INCONCLUSIVE, ("no fault was planned, although the scenario says: f",)),
    ("fired-unplanned", [content], [fired()], (), Verdict.INCONCLUSIVE, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("checkers", "events", "failures", "verdict", "notes"), [pytest.param(*o[1:], id=o[0]) for o in ORDER]
)
def test_order(checkers: Any, events: Any, failures: Any, verdict: Verdict, notes: Any) -> None:
    judgement = judge(checkers, history(*events), failures, fault="f")
    assert judgement.verdict is verdict
    assert (judgement.findings != ()) == (verdict is Verdict.VIOLATED)
    assert notes is None or judgement.notes == notes


@pytest.mark.parametrize(
    ("checker", "said"), [(crashes, "KeyError: 'gone'"), (forgets, "forgets returned None; give a list")]
)
def test_a_checker_that_crashes_is_unknown_with_its_traceback(checker: Any, said: str) -> None:
    judgement = judge([checker], history(fired()))
    assert judgement.verdict is Verdict.UNKNOWN
    [note] = judgement.notes
    assert note.startswith(f"{checker.__name__} crashed:\nTraceback")
    assert said in note


def test_a_checker_without_a_name_may_be_undecided() -> None:
    nameless: Callable[[History], Collection[Finding]] = partial(cannot)
    assert judge([nameless], history()).notes == ("partial: nobody looked",)


def test_without_a_fault_none_has_to_fire() -> None:
    assert judge([content], history()).verdict is Verdict.CONFORMS


CONTROL = [
    (content, (), Verdict.CONFORMS), (cannot, (), Verdict.CONFORMS), (breaks, (), Verdict.VIOLATED),
    (crashes, (), Verdict.UNKNOWN), (content, ("we failed",), Verdict.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "failures", "verdict"), CONTROL)
def test_the_control_arm_is_due_no_fault(checker: Any, failures: Any, verdict: Verdict) -> None:
    assert judge([checker], history(), failures, fault="f", control=True).verdict is verdict


def test_the_control_arm_may_not_hang() -> None:
    assert judge([content], history(hung("a")), fault="f", control=True).verdict is Verdict.UNKNOWN


def test_failures_of_the_run_are_told_from_what_the_judge_says_itself() -> None:
    events = history(PLANNED, hung("a"))
    notes = judge([cannot, crashes, content], events, ["we failed", "Traceback: ours"], fault="f").notes
    assert len(notes) == 6
    assert failures_in(notes, [cannot, crashes, content], events) == ["we failed", "Traceback: ours"]
    assert failures_in(judge([content], history(), fault="f").notes, [content], history()) == []


RANKS = [Verdict.VIOLATED, Verdict.UNKNOWN, Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED, Verdict.CONFORMS]


@given(st.lists(st.sampled_from(RANKS)))
def test_merging_keeps_the_worst(verdicts: list[Verdict]) -> None:
    assert merge(verdicts) is (min(verdicts, key=RANKS.index) if verdicts else Verdict.UNKNOWN)
    assert [verdict for verdict in Verdict if verdict.green] == [Verdict.CONFORMS]


def test_every_checker_of_every_scenario_is_known_here() -> None:
    """Else the property below would pass them by."""
    assert len(ALL) >= 100
    assert {checker.__name__ for checker in ALL} >= {"single_flight", "whole_story", "peers_end_before", "bounded"}


ACTORS = ["lane0", "lane1", "lane2", "lane3", "second", "holder", "after-x", "undisturbed", "peer", "timeout", "bad-1",
          "damaged-x", "without-x", "list", "add-lane0"]  # fmt: skip
TEXTS = st.sampled_from(
    [*ACTORS, "", "agent", "agents add", "agents list", "runs list", "config", "credentials", "profile main",
     "profile other", "codex", "anthropic", "reused", "minted", "held at x", "rename"]
)  # fmt: skip
PARAMS = st.fixed_dictionaries(
    {"name": TEXTS, "agent": TEXTS}, optional={"timeout": st.none() | st.floats(0, 9), "when": TEXTS}
)  # every intent to add has a name, and every turn an agent


def whats() -> st.SearchStrategy[Any]:
    """Any event of any kind, with the words that checkers look for more often than others."""
    kinds = []
    for kind in KNOWN:
        chosen: dict[str, Any] = {}
        for name, hint in kind.__annotations__.items():
            if hint in ("str", str):
                chosen[name] = TEXTS
            elif name in ("params", "facts"):
                chosen[name] = PARAMS
            elif name in ("argv", "processes"):
                chosen[name] = st.just(())
            elif name == "outcome" and kind.__name__ == "Finished":
                chosen[name] = OUTCOMES
        kinds.append(st.builds(kind, **chosen))
    return st.one_of(kinds)


OUTCOMES = st.builds(
    Outcome, message=TEXTS, code=TEXTS, text=TEXTS, agents=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    attempts=st.none() | st.just(()),
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(whats(), max_size=12), st.booleans())
def test_any_history_gets_a_verdict_and_twice_the_same(events: list[Any], control: bool) -> None:
    whole = History(tuple(Event(seq=seq, at=float(seq), what=what) for seq, what in enumerate(events)))
    judgement = judge(ALL, whole, fault="f", control=control)
    assert [note for note in judgement.notes if re.match(r"\w+ crashed:", note)] == []
    assert judge(ALL, whole, fault="f", control=control) == judgement
    assert all(finding.evidence for finding in judgement.findings)
    assert all(0 <= seq < len(events) for finding in judgement.findings for seq in finding.evidence)


def test_checkers_have_no_clock_and_no_chance() -> None:
    """What they import decides what they can do."""
    [folder] = harness.checkers.__path__
    names = set()
    for path in Path(folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
    assert "harness.events" in names
    pure = {"__future__", "collections", "dataclasses", "harness", "itertools", "signal", "traceback", "typing"}
    assert {name.partition(".")[0] for name in names} <= pure
