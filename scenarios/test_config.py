"""CFG: several commands change one config file at once, or find it damaged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from hypothesis import strategies as st

from harness.checkers.agents import agents_linearizable
from harness.checkers.config import acknowledged_adds_survive, one_winner, readers_see_whole_config
from harness.checkers.operator import damage_is_not_defaults, unknown_keys_survive
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.scenario import WATCH_CONTENTION, WATCH_ORDER, WATCH_WRITES, scenario
from harness.targets.protocol import AddAgent, Capability, DeleteAgent, ListAgents, Setup
from scenarios.work import added_and_deleted, delete_if_possible

# Names that any orchestrator may be expected to take; some have an agent "main" or "default" from the beginning.
NAMES = st.lists(
    st.from_regex(r"[a-z][a-z0-9-]{0,14}[a-z0-9]", fullmatch=True).filter(lambda name: name not in ("main", "default")),
    min_size=2,
    max_size=6,
    unique=True,
)
WAITS = 6.0  # seconds: longer than most wait for a lock (5 s) who then go on without it
AGE = 3600.0  # seconds: beyond what anybody takes for the longest hold of a lock
LANES = ("lane0", "lane1", "lane2", "lane3")
ENTRY_EXTRA = {"x-note": "mine", "x-tools": {"deny": ["a", "b"]}}


@scenario(
    "CFG-1",
    fault="all four adds are held at the write of the config until each has read the old one",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_CONTENTION,
    judges=[acknowledged_adds_survive],
)
async def test_four_adds_at_once(lab: Lab) -> None:
    """Four agents are added at the same time, and none is lost."""
    lab.prepare(Setup())
    async with lab.barrier("adds held before writing the config", parties=4, where=lab.is_config):
        await lab.add(*LANES)
    await lab.list_agents()


@scenario(
    "CFG-1",
    fault="an add is kept at the write of the config until another has ended or waited for six seconds; what is there "
    "looks an hour old",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_CONTENTION,
    exact=True,
    judges=[acknowledged_adds_survive],
)
async def test_add_that_sleeps(lab: Lab) -> None:
    """An add that is slow, as when its machine has slept, loses nothing to another, and takes nothing from it."""
    lab.prepare(Setup(agents=("first",)))
    async with lab.kept("an add kept at the write of the config", where=lab.is_config) as until_kept:
        slow = await lab.start(lab.adding("slow"), "add-slow")
        await until_kept(slow)
        lab.aged(lab.site.home, AGE, but=lab.target.config_file(lab.site))
        other = await lab.start(lab.adding("other"), "add-other")
        await lab.ends_within(other, WAITS)
    await slow.finished()
    await other.finished()
    await lab.list_agents()


@scenario(
    "CFG-1",
    fault="two to six adds of drawn names, the first of all, are held at the write of the config until each has found "
    "none",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_CONTENTION,
    judges=[acknowledged_adds_survive],
)
async def test_adds_of_any_names(lab: Lab) -> None:
    """However many agents are added at the same time, whatever their names, none is lost, nor the first of all."""
    names = lab.draw("names", NAMES)
    lab.prepare(Setup())
    _start_from_nothing(lab)
    async with lab.barrier("adds held before writing the config", parties=len(names), where=lab.is_config):
        added = await lab.add(*names)
    if not any(outcome.ok for outcome in added):  # then it wants one that somebody has written
        lab.prepare(Setup(), home="home-written")
        async with lab.barrier("adds held before writing the config", parties=len(names), where=lab.is_config):
            await lab.run_all((f"again-{name}", lab.adding(name)) for name in names)
    await lab.list_agents()


def _start_from_nothing(lab: Lab) -> None:
    """No config, and no folder of its own either where nothing else is in that."""
    config = lab.target.config_file(lab.site)
    config.unlink(missing_ok=True)
    if config.parent != lab.site.home:
        with suppress(OSError):
            config.parent.rmdir()


@scenario(
    "CFG-1",
    fault="the file operations of four adds take place one at a time, in an order that a strategy chooses",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_ORDER,
    scheduled=True,
    judges=[acknowledged_adds_survive],
)
async def test_adds_in_any_order(lab: Lab) -> None:
    """Four agents are added in an order of their file operations that is chosen one by one, and none is lost."""
    lab.prepare(Setup())
    async with lab.scheduled("file operations of the adds in a chosen order", parties=len(LANES)):
        await lab.add(*LANES)
    await lab.list_agents()


@scenario(
    "CFG-1",
    fault="the file operations of two adds take place one at a time, in an order that a strategy chooses",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_ORDER,
    scheduled=True,
    judges=[acknowledged_adds_survive],
)
async def test_two_adds_in_any_order(lab: Lab) -> None:
    """Two agents are added, and none is lost: few enough for every order to be run (--exhaustive)."""
    lab.prepare(Setup())
    async with lab.scheduled("file operations of the adds in a chosen order", parties=2):
        await lab.add("lane0", "lane1")
    await lab.list_agents()


@scenario(
    "CFG-2",
    fault="a reader looks at the config before every file operation of the first add of all, of two more, and a delete",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_WRITES,
    judges=[readers_see_whole_config],
)
async def test_reader_between_writes(lab: Lab) -> None:
    """Whoever reads the config while it is written finds a whole document."""
    lab.prepare(Setup(), home="home-first")
    _start_from_nothing(lab)
    config = lab.target.config_file(lab.site)

    def look() -> None:
        if config.exists():  # before the first write there is none, and nobody can expect one
            lab.look.config()

    if lab.faulty:
        async with lab.onlooker("a reader between the first writes", where=lambda _: True, look=look):
            await lab.add("first")
    lab.prepare(Setup(agents=("lane0",)))
    lab.look.config()
    if lab.faulty:
        async with lab.onlooker("a reader between the writes", where=lambda _: True, look=lab.look.config):
            await added_and_deleted(lab)
    else:
        await added_and_deleted(lab)
    lab.look.config()


@scenario(
    "CFG-5",
    fault="the config is cut short, emptied, followed by the end of a longer one, or replaced by zeroes, which a power "
    "cut may leave, or by something that is no document",
    needs=[Capability.ADD_AGENTS],
    judges=[damage_is_not_defaults],
)
async def test_damaged_config(lab: Lab) -> None:
    """A config that does not parse is reported, and stays as it is."""
    damages: dict[str, Callable[[bytes], bytes]] = {
        "cut": lambda whole: whole[: len(whole) // 2],
        "empty": lambda _: b"",
        "longer": lambda whole: whole + whole[-len(whole) // 4 :],
        "zeroes": lambda whole: bytes(len(whole)),
        "binary": lambda _: b"\x00\xff\xfe{",
        "array": lambda _: b"[]\n",
    }
    for name in lab.rounds(damages):
        lab.prepare(Setup(agents=("lane0",)), home=f"home-{name}")
        await lab.run(lab.adding("lane1"), f"healthy-{name}")
        config = lab.target.config_file(lab.site)
        if lab.faulty:
            config.write_bytes(damages[name](config.read_bytes()))
            if lab.look.config_parses():  # nothing is a whole document in TOML, and so may be a half
                continue
            lab.plan(f"config damaged: {name}")
            lab.fired(f"config damaged: {name}")
            lab.look.config()
            await lab.run(lab.adding("lane2"), f"damaged-{name}-add")
            await lab.run(ListAgents(), f"damaged-{name}-list")
            await delete_if_possible(lab, "lane0", f"damaged-{name}-delete")
            lab.look.config()


@scenario(
    "CFG-6",
    fault="the config holds keys that the program does not know, by themselves and in an agent's entry",
    needs=[Capability.ADD_AGENTS],
    judges=[unknown_keys_survive],
)
async def test_unknown_keys(lab: Lab) -> None:
    """What a newer version or another program wrote into the config survives an add, and a delete."""
    extra = {"x-future": {"nested": [1, {"deep": None}], "text": "ü"}, "x-empty": {}, "x-number": 1.5, "x-null": None}
    lab.plan("unknown keys in the config")
    unknown = (extra, ENTRY_EXTRA) if lab.faulty else ({}, {})
    lab.prepare(Setup(agents=("lane0",), extra=unknown[0], entry_extra=unknown[1]))
    lab.fired("unknown keys in the config", ", ".join(extra))
    lab.look.config()
    await lab.add("lane1")
    await delete_if_possible(lab, "lane1", "delete-lane1")
    await lab.list_agents()
    lab.look.config()


@scenario(
    "CFG-8",
    fault="four adds of the same name are held at the write of the config until each has read the old one",
    needs=[Capability.ADD_AGENTS, Capability.AGENT_NAMES],
    watch=WATCH_CONTENTION,
    judges=[one_winner],
)
async def test_four_adds_of_one_name(lab: Lab) -> None:
    """Of four concurrent adds of one name exactly one wins."""
    lab.prepare(Setup())
    add = AddAgent(name="same", workspace=str(lab.site.workspace("same")))
    async with lab.barrier("adds held before writing the config", parties=4, where=lab.is_config):
        await lab.run_all((f"add{number}", add) for number in range(4))
    await lab.list_agents()


@scenario(
    "CFG-9",
    fault="four adds are held at the write of the config until each has read the old one; a list follows each of them",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_CONTENTION,
    judges=[agents_linearizable],
)
async def test_adds_and_lists_interleaved(lab: Lab) -> None:
    """Whoever lists the agents while others add theirs sees a state that all answers agree on."""
    lab.prepare(Setup())
    await lab.run(ListAgents(), "list-before")
    async with lab.barrier("adds held before writing the config", parties=4, where=lab.is_config):
        adds = [await lab.start(lab.adding(lane), f"add-{lane}") for lane in LANES]
        await lab.run(ListAgents(), "list-meanwhile")
        await asyncio.gather(*(_list_after(lab, add) for add in adds))
    await lab.run(ListAgents(), "list-at-the-end")


@scenario(
    "CFG-9",
    fault="two adds and two deletes are held at the write of the config until each has read the old one",
    needs=[Capability.ADD_AGENTS, Capability.DELETE_AGENTS],
    watch=WATCH_CONTENTION,
    judges=[agents_linearizable],
)
async def test_adds_and_deletes_at_once(lab: Lab) -> None:
    """Agents that are added while others are deleted are there, and those that were deleted are not."""
    lab.prepare(Setup(agents=("old0", "old1")))
    await lab.run(ListAgents(), "list-before")
    changes = [(f"add-{lane}", lab.adding(lane)) for lane in LANES[:2]]
    deletes = [(f"delete-{name}", DeleteAgent(name=name)) for name in ("old0", "old1")]
    async with lab.barrier("changes held before writing the config", parties=4, where=lab.is_config):
        await lab.run_all([*changes, *deletes])
    await lab.run(ListAgents(), "list-at-the-end")


async def _list_after(lab: Lab, add: Actor) -> None:
    """Each lane looks as soon as its own add was acknowledged, whatever the others are doing."""
    await add.finished()
    await lab.run(ListAgents(), f"list-after-{add.name}")
