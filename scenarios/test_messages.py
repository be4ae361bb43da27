"""MSG: turns die, or write less than they should, and their session goes on."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checkers.messages import crash_costs_one_record
from harness.conductor.supervisor import StoppedCall
from harness.conductor.troubles import CRASH, SHORT, TORN
from harness.lab import Lab
from harness.scenario import WATCH_CHANGES, scenario
from harness.striking import Strike, Where, sweep
from harness.targets.protocol import Capability, Setup
from scenarios.work import answered_turn


@scenario(
    "MSG-1",
    fault="a turn is killed at one of its operations on its files, or writes half of what it should",
    needs=[Capability.TURN],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[crash_costs_one_record],
)
async def test_cut_off_turns(lab: Lab) -> None:
    """Turns that are cut off anywhere cost the session at most what was not acknowledged."""
    await _turns(lab, "turns cut off at an operation", (*CRASH, SHORT), most=5)


@scenario(
    "MSG-1",
    fault="a turn writes half of a record of its message or its answer, and is killed or goes on",
    needs=[Capability.TURN],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[crash_costs_one_record],
)
async def test_torn_records(lab: Lab) -> None:
    """A record that was written in part never fuses with the next."""

    def writes_text(call: StoppedCall) -> bool:
        return lab.is_state(call) and f"{call.actor}]]".encode() in call.data

    await _turns(lab, "records written in part", (TORN, SHORT), most=8, where=writes_text)


async def _turns(lab: Lab, what: str, faults: Sequence[str], *, most: int, where: Where | None = None) -> None:
    """One session, in which a struck turn is followed by one that is not, and so on."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    await answered_turn(lab, "first")  # from now on every turn does the same operations

    async def turn(name: str, strike: Strike) -> None:
        async with strike():
            await answered_turn(lab, name)
        await answered_turn(lab, f"{name}-next")

    await sweep(lab, turn, what=what, faults=faults, most=most, where=where)
    await answered_turn(lab, "last")
