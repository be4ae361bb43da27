"""CFG-7, CFG-11, LCK-1: somebody holds the lock that a command wants, or holds it under another name."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from fakes.oauth import OAuthSettings
from harness.checkers.auth import one_credential_one_lock
from harness.checkers.config import ADDED, a_tool_adds_to_the_same, one_resource_one_lock
from harness.checkers.contention import contention_is_not_absence
from harness.checkers.locks import isolated_agents_do_not_contend
from harness.conductor.calls import Family
from harness.conductor.locks import in_vain
from harness.conductor.stopped import StoppedCall
from harness.lab import Lab
from harness.scenario import WATCH_CONTENTION, WATCH_REPLACEMENTS, scenario
from harness.targets.protocol import Capability, Command, ListAgents, Setup
from scenarios.child_work import tool_then_text

CONTENTION = 2.0  # seconds that a lock is held: longer than the impatient wait, shorter than the patient


@scenario(
    "CFG-7",
    fault="an add is kept at the write of the config for two seconds, with the locks that it has",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_REPLACEMENTS,
    exact=True,
    judges=[contention_is_not_absence],
)
async def test_config_is_being_written(lab: Lab) -> None:
    """While another add holds the config, nobody takes it for empty."""
    lab.prepare(Setup(agents=("first",)))
    await lab.list_agents("list-before")
    async with lab.kept("an add kept at the write of the config", where=lab.is_config) as until_kept:
        holder = await lab.start(lab.adding("held"), "add-held")
        await until_kept(holder)
        await lab.run(ListAgents(), "list-meanwhile")
        second = await lab.start(lab.adding("second"), "add-second")
        await lab.ends_within(second, CONTENTION)
    await holder.finished()
    await second.finished()
    await lab.run(ListAgents(), "list-after")


@scenario(
    "CFG-7",
    fault="a run is kept in the middle of a refresh for two seconds, with the locks that it has",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=OAuthSettings(gate_before_commit="grant"),
    judges=[contention_is_not_absence],
)
async def test_credential_is_being_refreshed(lab: Lab) -> None:
    """While another run holds the credential, nobody takes it for missing."""
    credential = lab.credential("codex", expired=True)
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("codex",), credential=credential))
    lab.hold("grant")
    holder = await lab.turn("lane0", actor="holder")
    await lab.reached("grant", by=[holder])
    waiting = await lab.turn("lane1", actor="waiting")
    await lab.ends_within(waiting, CONTENTION)
    lab.look.credentials("while one run refreshes")
    lab.release("grant")
    await holder.finished()
    await waiting.finished()
    lab.look.credentials("at the end")


@scenario(
    "LCK-1",
    fault="a turn is kept at its first write of what every turn writes, the table of runs, until another agent's turn "
    "gets no further",
    needs=[Capability.TURN, Capability.RUNS],
    watch=WATCH_CONTENTION | {Family.WRITE},
    exact=True,
    judges=[isolated_agents_do_not_contend],
)
async def test_two_turns_at_the_table_of_runs(lab: Lab) -> None:
    """A turn waits while another's start is being noted: that takes a moment, and is no reason to fail."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",)))
    of_all: set[str] = set()

    def notes(call: StoppedCall) -> bool:
        if call.actor == "before" and lab.is_state(call):
            of_all.update(call.paths)
        if call.actor != "lane0" or not of_all.intersection(call.paths):
            return False
        return call.kind.family is Family.REPLACE or b"lane0" in call.data()

    async with lab.kept("a turn kept at the table of runs", where=notes) as until_kept:
        await (await lab.turn("lane1", actor="before")).finished()
        first = await lab.turn("lane0")
        await until_kept(first)
        other = await lab.turn("lane1")
        await lab.stuck(other, among=in_vain)
    for run in (first, other):
        await run.finished()


@scenario(
    "CFG-11",
    fault="four adds, two of which reach the state through a symbolic link, are held at the write of the config",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_CONTENTION,
    judges=[one_resource_one_lock],
    not_verified=["bind mounts, which need privileges"],
)
async def test_home_by_two_paths(lab: Lab) -> None:
    """Adds that reach one state directory by different paths keep each other out."""
    lab.prepare(Setup())
    alias = lab.site.root / "alias"
    alias.symlink_to(lab.site.home)
    other = alias if lab.faulty else lab.site.home
    async with lab.barrier("adds held before writing the config", parties=4, where=lab.is_config):
        direct = [await lab.start(lab.adding(name), f"add-{name}") for name in ("lane0", "lane1")]
        with lab.at_home(other):
            aliased = [await lab.start(lab.adding(name), f"add-{name}") for name in ("lane2", "lane3")]
        for add in (*direct, *aliased):
            await add.finished()
    await lab.list_agents()


@scenario(
    "CFG-11",
    fault="a turn finds its state by a path that is relative to its working directory, and its tool, which is in "
    "another one, adds an agent",
    needs=[Capability.ADD_AGENTS, Capability.TURN, Capability.TOOLS],
    judges=[a_tool_adds_to_the_same],
)
async def test_home_by_a_relative_path(lab: Lab) -> None:
    """An agent that a tool adds is in the config of the turn that has asked for the tool, by whichever path that is."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    lab.plan("a relative path")
    add = lab.target.command(lab.site, lab.adding(ADDED))
    lab.script(*tool_then_text(lab, "lane0", f"{shlex.join(add.argv)} </dev/null && {lab.effect(ADDED)}"))
    relative = _relative_to(add, lab.site.home)
    if relative and lab.faulty:
        lab.environment = relative
        lab.fired("a relative path", ", ".join(relative))
    await (await lab.turn("lane0")).finished()
    lab.environment = {}
    lab.look.effect(ADDED)
    await lab.list_agents()


def _relative_to(command: Command, home: Path) -> dict[str, str]:
    """The paths of what lies in a home that stand in a command's environment, from the command's working directory."""
    within = {name: value for name, value in command.env.items() if home in Path(value).parents}
    return {name: os.path.relpath(value, command.cwd) for name, value in within.items()}


@scenario(
    "CFG-11",
    fault="two runs, one of which reaches the state through a symbolic link, find one credential expired",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=OAuthSettings(gate_before_commit="grant"),
    judges=[one_credential_one_lock],
    not_verified=["bind mounts, which need privileges"],
)
async def test_credential_by_two_paths(lab: Lab) -> None:
    """Runs that reach one credential by different paths refresh it once."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("codex",), credential=lab.credential("codex", expired=True)))
    alias = lab.site.root / "alias"
    alias.symlink_to(lab.site.home)
    await _refreshed_by_both(lab, alias)


@scenario(
    "CFG-11",
    fault="two state directories share one expired credential by symbolic links, and a run in each needs it",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=OAuthSettings(gate_before_commit="grant"),
    judges=[one_credential_one_lock],
)
async def test_credential_by_two_links(lab: Lab) -> None:
    """Runs whose credentials are links to one file refresh it once, and the file stays what both of them use."""
    setup = Setup(agents=("lane0", "lane1"), models=("codex",), credential=lab.credential("codex", expired=True))
    lab.prepare(setup, home="second")
    lab.prepare(setup)
    second = lab.site.root / "second"
    mine = lab.target.credentials_files(lab.site)
    with lab.at_home(second):
        theirs = lab.target.credentials_files(lab.site)
    lab.plan("one credential by two links")
    if lab.faulty:
        for number, links in enumerate(zip(mine, theirs, strict=True)):
            _share(lab.site.root / f"shared-{number}", *links)
        lab.fired("one credential by two links")
    await _refreshed_by_both(lab, second)


async def _refreshed_by_both(lab: Lab, other: Path) -> None:
    """A run here, and one with the other home where that is the fault; no token is granted before both wait for it."""
    lab.hold("grant")
    direct = await lab.turn("lane0")
    with lab.at_home(other if lab.faulty else lab.site.home):
        aliased = await lab.turn("lane1")
    await lab.reached("grant", parties=2, by=[direct, aliased])
    lab.release("grant")
    await direct.finished()
    await aliased.finished()


def _share(folder: Path, mine: Path, theirs: Path) -> None:
    """Move my file, if it is there, to a folder of its own, and put links to it in the place of both."""
    if mine.exists():
        folder.mkdir()
        mine.rename(folder / mine.name)
        theirs.unlink()
        for link in (mine, theirs):
            link.symlink_to(folder / mine.name)


@scenario(
    "CFG-11",
    fault="two state directories share one config by a symbolic link, and an add in each is held at its write",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_CONTENTION,
    judges=[one_resource_one_lock],
)
async def test_config_by_two_links(lab: Lab) -> None:
    """Adds whose configs are links to one file keep each other out."""
    lab.prepare(Setup(), home="second")
    lab.prepare(Setup())
    second, shared = lab.site.root / "second", lab.site.root / "shared.json"
    mine = lab.target.config_file(lab.site)
    with lab.at_home(second):
        theirs = lab.target.config_file(lab.site)
    lab.plan("one config by two links")
    if lab.faulty:
        mine.rename(shared)
        theirs.unlink()
        for link in (mine, theirs):
            link.symlink_to(shared)
        lab.fired("one config by two links")
    async with lab.barrier("adds held before writing the config", parties=2, where=lab.is_config):
        first = await lab.start(lab.adding("lane0"), "add-lane0")
        with lab.at_home(second if lab.faulty else lab.site.home):
            other = await lab.start(lab.adding("lane1"), "add-lane1")
        await first.finished()
        await other.finished()
    await lab.list_agents()
