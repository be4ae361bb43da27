"""Schedules that are kept from one session to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.schedules.decisions import Decisions
from harness.session import examples
from reports.record import ArmFacts, Result

ONE = "a.5>b"


class Memory:
    """A cache in memory."""

    def __init__(self, held: Any = None) -> None:
        self.held = {} if held is None else {"pileup/schedules": held}
        self.written = 0

    def get(self, key: str, default: Any) -> Any:
        return self.held.get(key, default)

    def set(self, key: str, value: object) -> None:
        self.held[key] = value
        self.written += 1


def result(verdict: str, schedule: str = "", scenario: str = "s") -> Result:
    token = f"{scenario}@t#1" + (f":{schedule}~AA" if schedule else "")
    return Result(
        scenario=scenario, title="", where="", rule="CFG-1", verdict=verdict, findings=(), fault="",
        fault_arm=ArmFacts(runs=1, violated=0), control_arm=ArmFacts(runs=1, violated=0), replay="", token=token,
        seconds=1.0,
    )  # fmt: skip


def test_a_violation_is_kept_and_goes_when_the_scenario_conforms() -> None:
    cache = Memory()
    examples.keep(cache, "t", [result("VIOLATED", ONE)])
    assert examples.known(cache, "t") == {"s": (Decisions.parse(ONE),)}
    assert examples.known(cache, "other") == {}
    examples.keep(cache, "t", [result("UNKNOWN")])
    assert "s" in examples.known(cache, "t")
    examples.keep(cache, "t", [result("CONFORMS")])
    assert examples.known(cache, "t") == {}


def test_the_newest_come_first_and_few_are_kept() -> None:
    cache = Memory()
    for number in range(5):
        examples.keep(cache, "t", [result("VIOLATED", f"a.{number}>b")])
    examples.keep(cache, "t", [result("VIOLATED", "a.3>b")])
    assert list(map(str, examples.known(cache, "t")["s"])) == ["a.3>b", "a.4>b", "a.2>b"]


def test_targets_do_not_disturb_each_other() -> None:
    cache = Memory()
    examples.keep(cache, "t", [result("VIOLATED", ONE)])
    examples.keep(cache, "u", [result("VIOLATED", "b.1>a"), result("CONFORMS", scenario="other")])
    assert list(examples.known(cache, "t")) == list(examples.known(cache, "u")) == ["s"]


def test_nothing_new_is_not_written() -> None:
    cache = Memory()
    examples.keep(cache, "t", [result("CONFORMS"), replace(result("VIOLATED"), scenario="plain")])
    assert cache.written == 0


@pytest.mark.parametrize("held", [[], "x", {"t": []}, {"t": {"s": "a.5>b"}}, {"t": {"s": [1, None, "no decision"]}}])
def test_a_damaged_cache_is_an_empty_one(held: Any) -> None:
    cache = Memory(held)
    assert not any(examples.known(cache, "t").values())


def test_without_a_cache_nothing_is_known_and_nothing_fails() -> None:
    assert examples.known(None, "t") == {}
    examples.keep(None, "t", [result("VIOLATED", ONE)])
