"""Replay: the same run again, or the step at which it is another one."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.schedules.clocks import class_of
from harness.schedules.decisions import Decisions, Follow
from harness.schedules.points import Point, Touch
from harness.schedules.replay import Diverged, Recording, Replay
from harness.schedules.trace import Step, Trace
from tests.harness.schedules.programs import drawn, ops
from tests.harness.schedules.simulated import Programs, Ran, simulate
from tests.harness.schedules.test_decisions import walked

UPDATES: Programs = {"a": ops("rx sx"), "b": ops("rx sx")}


def recorded(programs: Programs, decisions: str) -> Recording:
    return Recording.of(simulate(programs, Follow(Decisions.parse(decisions))).trace)


def replayed(programs: Programs, recording: Recording) -> Ran:
    replay = Replay(recording)
    ran = simulate(programs, replay)
    replay.finish()
    assert replay.divergence is None
    return ran


@given(st.randoms(use_true_random=False), st.booleans())
def test_a_recording_repeats_its_run(chance: random.Random, from_token: bool) -> None:
    programs = drawn(chance)
    trace = walked(programs, 7).trace
    recording = Recording.of(trace)
    assert Recording.parse(recording.token) == recording
    assert replayed(programs, Recording.parse(recording.token) if from_token else recording).trace == trace


def test_names_that_are_no_text_have_a_token_and_a_class() -> None:
    point = Point(actor="a", index=0, call="open", touches=(Touch(os.fsdecode(b"home/\xff\xfe"), True),))
    recording = Recording.of(Trace((Step(enabled=(point,), chosen=point),)))
    assert Recording.parse(recording.token) == recording
    assert class_of([point]) != class_of([replace(point, touches=())])


def test_a_pid_of_a_container_that_has_just_begun_is_a_pid_too() -> None:
    def opened(path: str) -> Point:
        return Point(actor="a", index=0, call="openat", touches=(Touch(path, True),))

    assert opened("home/agents.7").fingerprint == opened("home/agents.15944").fingerprint
    assert opened("home/lane1").fingerprint != opened("home/lane2").fingerprint
    objects = [opened(f"r.git/objects/{two}") for two in ("3f", "c0/0123456789abcdef0123456789abcdef012345", "fe")]
    assert objects[0].fingerprint == objects[2].fingerprint == "openat r.git/objects/*"
    assert objects[1].fingerprint == "openat r.git/objects/*/*"
    assert opened("objects/fee").fingerprint == "openat objects/fee"
    assert opened("home/slot.1").attempt != opened("home/slot.2").attempt  # of one run: another slot is not tried again


def test_the_token_is_stable() -> None:
    """Tokens stand in reports, so another version of Pileup must read them."""
    assert recorded(UPDATES, "a.1>b").token == "a.1>b~RyKX"


CHANGED = {
    "another call": ({**UPDATES, "a": ops("rx wx")}, 3, "a should have gone on with set x, but does write x"),
    "another object": ({**UPDATES, "b": ops("ry sx")}, 1, "b should have gone on with read x, but does read y"),
    "an actor ends early": (
        {**UPDATES, "b": ops("rx")},
        2,
        "b should have gone on with set x, but it waits or has ended",
    ),
    "an actor is missing": ({"a": ops("rx sx")}, 1, "b should have gone on with read x, but it waits or has ended"),
    "the run is longer": ({**UPDATES, "a": ops("rx sx ry")}, 4, "the recorded one has 4 steps, but a.2: read y waits"),
    "the run is shorter": ({**UPDATES, "a": ops("rx")}, 3, "the run ended, but the recorded one has 4 steps; a should"),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_divergence_is_told_at_its_step(change: str) -> None:
    programs, step, why = CHANGED[change]
    with pytest.raises(Diverged) as raised:
        replayed(programs, recorded(UPDATES, "a.1>b"))
    assert raised.value.divergence.step == step
    assert why in raised.value.divergence.why
    assert f"at step {step}: " in str(raised.value)


@pytest.mark.parametrize("change", CHANGED)
def test_the_token_alone_tells_a_divergence_too(change: str) -> None:
    programs, step, _ = CHANGED[change]
    with pytest.raises(Diverged) as raised:
        replayed(programs, Recording.parse(recorded(UPDATES, "a.1>b").token))
    assert raised.value.divergence.step == step


def test_the_token_alone_names_the_actor_that_should_have_gone() -> None:
    with pytest.raises(Diverged, match=r"b should have gone instead of a\.1: set x, but it waits or has ended"):
        replayed({"a": ops("rx sx")}, Recording.parse(recorded(UPDATES, "a.1>b").token))


def test_a_recorded_actor_goes_although_others_came_earlier_than_then() -> None:
    """Who else could have gone is no part of what a run did."""
    recording = recorded({"b": ops("rx"), "c": ops("rx")}, "-")
    with pytest.raises(Diverged) as raised:
        replayed({"a": ops("rx"), "b": ops("rx"), "c": ops("rx")}, recording)
    assert raised.value.divergence.step == 2


@pytest.mark.parametrize("token", ["", "-", "a.1>b", "-~a b", "-~a=", "x~AAAA", "~AAAA", "-~\u0661"])
def test_any_other_token_is_refused_with_the_fix(token: str) -> None:
    with pytest.raises(UsageError) as raised:
        Recording.parse(token)
    assert raised.value.hint
