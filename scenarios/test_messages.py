"""MSG: turns die, or write less than they should, and their session goes on."""

from __future__ import annotations

from harness.checkers.messages import crash_costs_one_record
from harness.conductor.troubles import TORN
from harness.lab import Lab
from harness.scenario import WATCH_CHANGES, scenario
from harness.striking import Strike, sweep
from harness.targets.protocol import Capability, Setup
from scenarios.work import answered_turn


@scenario(
    "MSG-1",
    fault="a turn is killed before one of its operations on its files, or writes half of what it should",
    needs=[Capability.TURN],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[crash_costs_one_record],
)
async def test_torn_turns(lab: Lab) -> None:
    """Turns that are cut off anywhere cost the session at most what was not acknowledged."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    await answered_turn(lab, "first")  # from now on every turn does the same operations

    async def turn(name: str, strike: Strike) -> None:
        async with strike():
            await answered_turn(lab, name)
        await answered_turn(lab, f"{name}-next")

    await sweep(lab, turn, what="turns cut off at an operation", faults=TORN, most=7)
    await answered_turn(lab, "last")
