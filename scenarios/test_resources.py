"""RES: the disk is full, files are denied, descriptors run out, at one operation after the other; the state grows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.checkers.large_state import AGENTS, ROUNDS, SESSIONS, STATES, large_state_costs_little
from harness.checkers.resources import denial_is_weathered, exhaustion_is_weathered, full_disk_is_weathered
from harness.conductor.aims import Aim
from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall
from harness.conductor.troubles import DENIED, EXHAUSTED, FULL_DISK, SHORT
from harness.lab import Lab
from harness.lab.striking import sweep
from harness.scenario import WATCH_CHANGES, WATCH_FAILURES, scenario
from harness.schedules.decisions import Fault
from harness.targets.extras import grow
from harness.targets.protocol import Capability, ListAgents, ListRuns, Setup
from scenarios.work import Rounds, before_asking, holding_text

ADDS = (Capability.ADD_AGENTS,)
TURNS = (Capability.TURN,)
REFRESHES = (Capability.TURN, Capability.OAUTH, Capability.PROFILES)
CANCELS = (Capability.TURN, Capability.RUNS, Capability.CANCEL)


@scenario(
    "RES-1",
    fault="one operation of an add on its files fails, or writes less than it should, as on a full disk",
    needs=ADDS,
    watch=WATCH_CHANGES,
    exact=True,
    judges=[full_disk_is_weathered],
)
async def test_add_on_a_full_disk(lab: Lab) -> None:
    """An add that meets a full disk at any operation fails clearly, harms nothing, and works afterwards."""
    await sweep(lab, Rounds(lab).add, what="an add on a full disk", faults=FULL_DISK, most=10, crucial=lab.is_config)
    if lab.faulty:
        await Rounds(lab).add("short", lambda: _short_of_the_config(lab, "short"))


@asynccontextmanager
async def _short_of_the_config(lab: Lab, actor: str) -> AsyncIterator[None]:
    """The actor's first write of what is going to be the config takes half of it: a sweep seldom comes to that."""

    def writes(call: StoppedCall) -> bool:
        return call.kind.family is Family.WRITE and lab.is_beside_config(call)

    async with lab.attempted(Aim(fault=Fault(actor, 0, SHORT), nth=0), writes):
        yield


@scenario(
    "RES-1",
    fault="one operation of a turn on its files fails, or writes less than it should, as on a full disk",
    needs=TURNS,
    watch=WATCH_CHANGES,
    exact=True,
    judges=[full_disk_is_weathered],
)
async def test_turn_on_a_full_disk(lab: Lab) -> None:
    """A turn that meets a full disk at any operation fails clearly, harms nothing, and the next one works."""
    texts = holding_text(lab)
    await sweep(lab, Rounds(lab).turn, what="a turn on a full disk", faults=FULL_DISK, most=8, crucial=texts)


@scenario(
    "RES-1",
    fault="one operation of a turn that renews its credential fails, or writes less than it should, as on a full disk",
    needs=REFRESHES,
    watch=WATCH_CHANGES,
    exact=True,
    judges=[full_disk_is_weathered],
)
async def test_refresh_on_a_full_disk(lab: Lab) -> None:
    """A refresh that meets a full disk at any operation fails clearly, and harms no other profile."""
    where = before_asking(lab)
    await sweep(
        lab,
        Rounds(lab).refresh,
        what="a refresh on a full disk",
        faults=FULL_DISK,
        most=6,
        where=where,
        crucial=lab.is_store,
    )


@scenario(
    "RES-1",
    fault="one operation of a cancel on its files fails, or writes less than it should, as on a full disk",
    needs=CANCELS,
    watch=WATCH_CHANGES,
    exact=True,
    judges=[full_disk_is_weathered],
)
async def test_cancel_on_a_full_disk(lab: Lab) -> None:
    """A cancel that meets a full disk at any operation ends the run or fails clearly, and works afterwards."""
    await sweep(lab, Rounds(lab).cancel, what="a cancel on a full disk", faults=FULL_DISK, most=4)


@scenario(
    "RES-2",
    fault="one operation of an add on its files is denied, or refused by a read-only file system",
    needs=ADDS,
    watch=WATCH_FAILURES,
    exact=True,
    judges=[denial_is_weathered],
)
async def test_add_without_permission(lab: Lab) -> None:
    """An add that is denied any operation fails clearly, harms nothing, and works afterwards."""
    await sweep(
        lab, Rounds(lab).add, what="an add that is denied an operation", faults=DENIED, most=16, crucial=lab.is_config
    )


@scenario(
    "RES-2",
    fault="one operation of a turn on its files is denied, or refused by a read-only file system",
    needs=TURNS,
    watch=WATCH_FAILURES,
    exact=True,
    judges=[denial_is_weathered],
)
async def test_turn_without_permission(lab: Lab) -> None:
    """A turn that is denied any operation fails clearly, harms nothing, and the next one works."""
    await sweep(lab, Rounds(lab).turn, what="a turn that is denied an operation", faults=DENIED, most=6)


@scenario(
    "RES-2",
    fault="one operation of a turn that renews its credential is denied, or refused by a read-only file system",
    needs=REFRESHES,
    watch=WATCH_FAILURES,
    exact=True,
    judges=[denial_is_weathered],
)
async def test_refresh_without_permission(lab: Lab) -> None:
    """A refresh that is denied any operation fails clearly, and harms no other profile."""
    where = before_asking(lab)
    await sweep(
        lab,
        Rounds(lab).refresh,
        what="a refresh that is denied an operation",
        faults=DENIED,
        most=6,
        where=where,
        crucial=lab.is_store,
    )


@scenario(
    "RES-2",
    fault="one operation of a cancel on its files is denied, or refused by a read-only file system",
    needs=CANCELS,
    watch=WATCH_FAILURES,
    exact=True,
    judges=[denial_is_weathered],
)
async def test_cancel_without_permission(lab: Lab) -> None:
    """A cancel that is denied any operation ends the run or fails clearly, and works afterwards."""
    await sweep(lab, Rounds(lab).cancel, what="a cancel that is denied an operation", faults=DENIED, most=4)


@scenario(
    "RES-3",
    fault="the process, or the system, has no descriptor or lock left for one operation of an add",
    needs=ADDS,
    watch=WATCH_FAILURES,
    exact=True,
    judges=[exhaustion_is_weathered],
)
async def test_add_out_of_descriptors(lab: Lab) -> None:
    """An add that runs out of descriptors anywhere fails clearly, harms nothing, and works afterwards."""
    await sweep(
        lab, Rounds(lab).add, what="an add out of descriptors", faults=EXHAUSTED, most=10, crucial=lab.is_config
    )


@scenario(
    "RES-3",
    fault="the process, or the system, has no descriptor or lock left for one operation of a turn",
    needs=TURNS,
    watch=WATCH_FAILURES,
    exact=True,
    judges=[exhaustion_is_weathered],
)
async def test_turn_out_of_descriptors(lab: Lab) -> None:
    """A turn that runs out of descriptors anywhere fails clearly, harms nothing, and the next one works."""
    await sweep(lab, Rounds(lab).turn, what="a turn out of descriptors", faults=EXHAUSTED, most=6)


@scenario(
    "RES-3",
    fault="the process, or the system, has no descriptor or lock left for one operation of a refresh",
    needs=REFRESHES,
    watch=WATCH_FAILURES,
    exact=True,
    judges=[exhaustion_is_weathered],
)
async def test_refresh_out_of_descriptors(lab: Lab) -> None:
    """A refresh that runs out of descriptors anywhere fails clearly, and harms no other profile."""
    where = before_asking(lab)
    await sweep(
        lab,
        Rounds(lab).refresh,
        what="a refresh out of descriptors",
        faults=EXHAUSTED,
        most=6,
        where=where,
        crucial=lab.is_store,
    )


@scenario(
    "RES-3",
    fault="the process, or the system, has no descriptor or lock left for one operation of a cancel",
    needs=CANCELS,
    watch=WATCH_FAILURES,
    exact=True,
    judges=[exhaustion_is_weathered],
)
async def test_cancel_out_of_descriptors(lab: Lab) -> None:
    """A cancel that runs out of descriptors anywhere ends the run or fails clearly, and works afterwards."""
    await sweep(lab, Rounds(lab).cancel, what="a cancel out of descriptors", faults=EXHAUSTED, most=4)


@scenario(
    "RES-4",
    fault=f"the state has grown to {AGENTS:,} agents and {SESSIONS:,} sessions",
    needs=[*ADDS, *TURNS, Capability.RUNS, Capability.LARGE_STATE],
    judges=[large_state_costs_little],
    not_verified=["time in which a command waits: what is compared is the processor time that it uses"],
)
async def test_commands_on_a_large_state(lab: Lab) -> None:
    """Commands that concern one agent or run do not pay for all the others."""
    for state in STATES:
        lab.prepare(Setup(agents=("agent0",), models=("anthropic",)), home=state)
        await (await lab.turn("agent0", actor=f"first-{state}")).finished()
    lab.plan("a large state")
    if lab.faulty:
        grow(lab.target, lab.site, agents=AGENTS, sessions=SESSIONS)  # the last one prepared
        lab.fired("a large state")
    for number in range(ROUNDS):
        for state in STATES:  # side by side, so that what slows this machine slows both
            with lab.at_home(lab.site.root / state):
                await lab.run(lab.adding(f"new{number}"), f"add-{number}-{state}")
                await lab.run(ListAgents(), f"list-agents-{number}-{state}")
                await lab.run(ListRuns(), f"list-runs-{number}-{state}")
                await (await lab.turn("agent0", actor=f"turn-{number}-{state}")).finished()
