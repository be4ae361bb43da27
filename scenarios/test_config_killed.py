"""CFG-3, CFG-4: commands that are killed at a write leave a config that the next can use, and nothing beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from harness.checkers.config import crash_leaves_old_or_new, temporaries_are_unique
from harness.conductor.troubles import CRASH
from harness.lab import Lab
from harness.lab.striking import Strike, sweep
from harness.scenario import WATCH_CHANGES, scenario
from harness.targets.protocol import Capability, DeleteAgent, ListAgents, Setup
from scenarios.work import Rounds

LANES = ("lane0", "lane1", "lane2", "lane3")


@scenario(
    "CFG-3",
    fault="an add is killed before, or in the middle of, each of its operations on its files in turn",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[crash_leaves_old_or_new],
    not_verified=["power loss, which is CFG-10"],
)
async def test_killed_at_every_write(lab: Lab) -> None:
    """An add that is killed anywhere leaves the old config or the new one, and the next command works."""
    lab.prepare(Setup(agents=("lane0",)))
    await lab.run(lab.adding("first"), "first")  # from now on every add does the same operations
    look = _repairing(lab)

    async def add(name: str, strike: Strike) -> None:
        async with strike():
            await lab.run(lab.adding(name), name)
        await look(name)

    await sweep(lab, add, what="adds killed at an operation", faults=CRASH, most=14, crucial=lab.is_config)
    await lab.run(lab.adding("last"), "last-add")


@scenario(
    "CFG-3",
    fault="a delete is killed before, or in the middle of, each of its operations on its files in turn",
    needs=[Capability.ADD_AGENTS, Capability.DELETE_AGENTS],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[crash_leaves_old_or_new],
    not_verified=["power loss, which is CFG-10"],
)
async def test_killed_delete(lab: Lab) -> None:
    """A delete that is killed anywhere leaves the old config or the new one, and the next command works."""
    lab.prepare(Setup(agents=("lane0",)))
    look = _repairing(lab)

    async def delete(name: str, strike: Strike) -> None:
        await lab.run(lab.adding(f"{name}-old"), f"{name}-add")
        async with strike():
            await lab.run(DeleteAgent(name=f"{name}-old"), name)
        await look(name)

    await sweep(lab, delete, what="deletes killed at an operation", faults=CRASH, most=8, crucial=lab.is_config)
    await lab.run(lab.adding("last"), "last-add")


def _repairing(lab: Lab) -> Callable[[str], Awaitable[None]]:
    """What a round ends with: a look at the config, and a list. A config that does not parse is then repaired."""
    config, whole = lab.target.config_file(lab.site), [b""]

    async def look(name: str) -> None:
        parses = lab.look.config().parses
        await lab.run(ListAgents(), f"{name}-list")
        if parses:
            whole.append(config.read_bytes())
        else:  # else every later command would fail at reading, and its other operations would have no turn
            config.write_bytes(whole[-1])
            lab.note("the config is repaired by hand")

    return look


@scenario(
    "CFG-3",
    fault="a cancel is killed before, or in the middle of, each of its operations on its files in turn",
    needs=[Capability.TURN, Capability.RUNS, Capability.CANCEL],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[crash_leaves_old_or_new],
)
async def test_killed_cancel(lab: Lab) -> None:
    """After a cancel that was killed anywhere, the runs can be listed and the cancel repeated."""
    await sweep(lab, Rounds(lab).cancel, what="cancels killed at an operation", faults=CRASH, most=4)


@scenario(
    "CFG-4",
    fault="all four adds are held at the write of the config until each has written its own",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[temporaries_are_unique],
)
async def test_temporaries_of_four_adds(lab: Lab) -> None:
    """Adds that run at the same time do not write into each other's files."""
    lab.prepare(Setup(agents=("first",)))
    lab.look.config()
    with lab.witnessed(lab.may_become_config):
        async with lab.barrier("adds held before replacing the config", parties=4, where=lab.is_config):
            await lab.add(*LANES)
