"""CFG: homes on filesystems that do less than the one on which a program was written."""

from __future__ import annotations

from harness.checkers.config import acknowledged_adds_survive, readers_see_whole_config
from harness.lab import Lab
from harness.lab.filesystems import home_apart, home_without_locks
from harness.scenario import WATCH_CONTENTION, WATCH_WRITES, scenario
from harness.targets.protocol import Capability, Setup
from scenarios.work import added_and_deleted

LANES = ("lane0", "lane1", "lane2", "lane3")


@scenario(
    "CFG-1",
    fault="the home is on a filesystem that knows no locks (flock(2), fcntl(2): ENOLCK), and four adds are held at the "
    "write of the config until each has read the old one",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_CONTENTION,
    exact=True,
    judges=[acknowledged_adds_survive],
)
async def test_four_adds_without_locks(lab: Lab) -> None:
    """Where there are no locks adds may fail, but none that succeeds is lost."""
    lab.prepare(Setup())
    await lab.add("first")
    held = "adds held before writing the config"
    with home_without_locks(lab, "a filesystem without locks"):
        async with lab.barrier(held, parties=4, where=lab.is_config):
            added = await lab.add(*LANES)
    if not any(outcome.ok for outcome in added):
        lab.fired(held, "none of them came so far: without a lock they write nothing")
    await lab.list_agents()


@scenario(
    "CFG-2",
    fault="the home is a filesystem of its own, and a reader looks at the config before every file operation",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_WRITES,
    exact=True,
    judges=[readers_see_whole_config],
)
async def test_reader_where_the_home_is_a_filesystem(lab: Lab) -> None:
    """Whoever reads the config finds a whole document, also where nothing can be renamed into the home."""
    lab.prepare(Setup(agents=("lane0",)))
    lab.look.config()
    with home_apart(lab, "the home is a filesystem of its own"):
        if lab.faulty:
            async with lab.onlooker("a reader between the writes", where=lambda _: True, look=lab.look.config):
                await added_and_deleted(lab)
        else:
            await added_and_deleted(lab)
    lab.look.config()
