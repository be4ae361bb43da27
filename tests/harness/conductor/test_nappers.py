"""Programs that sleep and look in turns, by calls that are no points, wait like any other that sleeps."""

from __future__ import annotations

import time

from tests.harness.conductor.ordered import ORDERED, First, order, python, schedule

LOOKS = """
import os, time
while not os.path.exists("ready"): time.sleep(0.003)
open("seen", "w").close()
"""
MAKES = 'for name in ("one", "two", "ready", "after", "last"): open(name, "w").close()'


def test_who_looks_again_and_again_does_not_hold_up_the_others(conduct):
    """It is first by name, and would be waited for till it counts as busy."""

    async def body(rig):
        began = time.monotonic()
        scheduler = await schedule(rig, First(), {"a": python(LOOKS), "b": python(MAKES)}, families=ORDERED)
        return order(scheduler), time.monotonic() - began

    went, seconds = conduct(body)
    assert went == ["b", "b", "b", "a", "b", "b"]  # it looks after each step, and has found it before the next
    assert seconds < 9.0  # the limit of those that are busy is ten


def test_two_of_them_wait_for_each_other_in_turn(conduct):
    code = """
import os, sys, time
mine, other = sys.argv[1:]
for number in "123":
    open(mine + number, "w").close()
    while not os.path.exists(other + number): time.sleep(0.003)
"""

    async def body(rig):
        actors = {"a": (*python(code), "a", "b"), "b": (*python(code), "b", "a")}
        return [order(await schedule(rig, First(), actors, families=ORDERED))]

    assert [len(went) for went in conduct(body)] == [6]
