"""Decisions: their text, and that following a run's decisions repeats the run."""

from __future__ import annotations

import errno
import random
import signal
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.schedules.decisions import Absent, Decisions, Entry, Fault, FaultKind, Follow, Switch
from harness.schedules.points import Point, Touch
from harness.schedules.strategies import random_walk
from harness.schedules.strategies.spins import POLLS
from harness.schedules.strategy import Choice, Profile
from tests.harness.schedules.programs import drawn, ops, order
from tests.harness.schedules.simulated import Programs, Ran, point, simulate

ACTORS = st.text("abz019._-/~#\u00e9\u2603", min_size=1, max_size=8)
INDICES = st.integers(0, 999_999_999)
WHAT = st.sampled_from(["ENOSPC", "EINTR", "short", "kill", "SIGTERM", "SIGSTOP", "stall"])
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Switch, ACTORS, INDICES, ACTORS), st.builds(Fault, ACTORS, INDICES, WHAT), st.builds(Absent, ACTORS)
)
UPDATES: Programs = {"a": ops("rx sx"), "b": ops("rx sx")}


def walked(programs: Programs, seed: int) -> Ran:
    return simulate(programs, random_walk.make(random.Random(seed), Profile()))


def same_point_twice(entries: list[Entry]) -> bool:
    places = [(entry.actor, entry.index) for entry in entries if isinstance(entry, Fault)]
    return len(places) != len(set(places))


@given(st.lists(ENTRIES, max_size=6).filter(lambda entries: not same_point_twice(entries)))
def test_a_text_names_its_decisions(entries: list[Entry]) -> None:
    decisions = Decisions(tuple(entries))
    assert Decisions.parse(str(decisions)) == decisions
    assert str(decisions).isprintable()
    assert " " not in str(decisions)


def test_the_text_is_as_documented() -> None:
    text = "add-lane1!absent;add-lane0.5>add-lane2;add-lane2/1.7!ENOSPC;v1.2.0>x"
    decisions = Decisions.parse(text)
    assert decisions.entries == (
        Absent("add-lane1"),
        Switch("add-lane0", 5, "add-lane2"),
        Fault("add-lane2/1", 7, "ENOSPC"),
        Switch("v1.2", 0, "x"),
    )
    assert str(decisions) == text
    assert decisions.absent == {"add-lane1"}
    assert len(decisions.switches) == 2
    assert Decisions.parse("-") == Decisions()


HOSTILE = [
    "", " ", ";", "a", "a.5", "a.5>", ">b", "a>b", "a.5!", "a.-1>b", "a.05>b", "a.5>b;", "a.5 >b", "a.5>b!short",
    "a.5>b>c", "a.5!enospc", "a.5!EFOO", "a.5!SIGFOO", "a.\u0661>b", "a.1234567890>b", "a.5!kill;a.5!ENOSPC", "a\0.5>b",
    "a!gone", "-;-", "a.5!kill\n", "a.5!ERANGE!EIO",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_any_other_text_is_refused_with_the_fix(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        Decisions.parse(text)
    assert raised.value.hint


def test_kinds_of_faults() -> None:
    found = {what: Fault("a", 0, what) for what in ("EIO", "short", "torn", "kill", "SIGTERM", "stall")}
    assert [fault.kind for fault in found.values()] == list(FaultKind)
    numbers = [errno.EIO, 0, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP]
    assert [fault.number for fault in found.values()] == numbers


def test_a_fault_is_found_at_its_point_only() -> None:
    decisions = Decisions.parse("a.1!EIO")
    assert decisions.fault_at(point("a", 1, ops("rx")[0])) == Fault("a", 1, "EIO")
    assert decisions.fault_at(point("a", 0, ops("rx")[0])) is None
    assert decisions.fault_at(point("b", 1, ops("rx")[0])) is None


@pytest.mark.parametrize(
    ("text", "went"),
    [
        ("-", "aabb"),
        ("a.0>b", "bbaa"),
        ("a.1>b", "abba"),
        ("a.1>b;b.1>a", "abab"),
        ("a.0>b;b.1>a", "baab"),
        ("a.0>c", "aabb"),
        ("a.7>b", "aabb"),
        ("a.1>c;a.1>b", "abba"),
    ],
)
def test_what_is_followed(text: str, went: str) -> None:
    assert order(simulate(UPDATES, Follow(Decisions.parse(text))).trace.points) == went


@pytest.mark.parametrize(("text", "went"), [("a.0>c;c.1>b;a.0>c", "cbccaabb"), ("a.0>c;c.1>b;a.0>c;a.0>b", "cbccbbaa")])
def test_switches_at_one_point_apply_in_turn(text: str, went: str) -> None:
    """c takes the lock; b waits for it, so a could go, but c does; then a could go again, and (or not) b does."""
    programs = {"a": ops("rx rx"), "b": ops("ry lm um"), "c": ops("lm rx um")}
    ran = simulate(programs, Follow(Decisions.parse(text)))
    assert order(ran.trace.points) == went
    assert str(Decisions.from_trace(ran.trace)) == text


@given(st.randoms(use_true_random=False), st.integers(0, 99))
@settings(max_examples=200)
def test_following_a_runs_decisions_repeats_it(chance: random.Random, seed: int) -> None:
    programs = drawn(chance, actors=chance.randint(1, 4), length=8)
    trace = walked(programs, seed).trace
    decisions = Decisions.from_trace(trace)
    again = simulate(programs, Follow(decisions)).trace
    assert again == trace
    assert Decisions.from_trace(again) == decisions
    assert len(decisions.entries) == len(decisions.switches) >= trace.preemptions()


def test_only_faults_that_came_are_kept() -> None:
    trace = walked(UPDATES, 1).trace
    came, missed = Fault("a", 1, "EIO"), Fault("a", 2, "EIO")
    decisions = Decisions.from_trace(trace, [missed, came], absent=["c"])
    assert decisions.faults == (came,)
    assert decisions.entries[0] == Absent("c")


def test_who_polls_makes_room_for_the_one_that_it_waits_for() -> None:
    """Else no candidate of a program that polls would ever end. Two who poll do not only make room for each other."""
    follow, counts, last = Follow(Decisions()), Counter[str](), None
    for step in range(3 * POLLS):
        calls = [("a", "stat", False), ("b", "stat", False), ("c", "mkdir", True)]
        enabled = tuple(
            Point(actor=actor, index=counts[actor], call=call, touches=(Touch("go", writes),))
            for actor, call, writes in calls
        )
        last = follow.choose(Choice(step=step, enabled=enabled, last=last))
        counts[last.actor] += 1
    assert counts == {"a": POLLS + 1, "b": POLLS + 1, "c": POLLS - 2}


def test_a_writer_that_repeats_itself_goes_on() -> None:
    programs = {"a": ops("wx " * 3 * POLLS), "b": ops("wx")}
    assert order(simulate(programs, Follow(Decisions())).trace.points) == "a" * 3 * POLLS + "b"


def test_who_writes_its_own_file_before_each_attempt_polls() -> None:
    """As one does that puts its pid into a file, and links that to the lock: what it writes changes nothing more."""
    follow, counts, last, attempts = Follow(Decisions()), Counter[str](), None, 0
    for step in range(10 * POLLS):
        turn = ("openat", "own", True) if counts["a"] % 2 == 0 else ("link", "lock", False)
        calls = [("a", *turn), ("b", "unlink", "lock", True)]
        enabled = tuple(
            Point(actor=actor, index=counts[actor], call=call, touches=(Touch(name, writes),))
            for actor, call, name, writes in calls
        )
        last = follow.choose(Choice(step=step, enabled=enabled, last=last))
        if last.actor == "b":
            break
        counts[last.actor] += 1
        attempts += last.call == "link"
    assert attempts == POLLS + 1
