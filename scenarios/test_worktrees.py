"""GIT: directories that several agents work in, and worktrees so that they need not."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from fakes.script import Match, Parts, Rule, Text
from harness.checkers.directories import BOTH, SHARED, directory_is_shared_by_none, directory_is_used_alone
from harness.checkers.fan_in import task
from harness.checkers.worktrees import (
    add_and_worktree_compose,
    repository_is_unchanged,
    worktrees_exist_or_fail_cleanly,
)
from harness.conductor.stopped import StoppedCall, Where
from harness.lab import Lab, repository
from harness.scenario import WATCH_REPLACEMENTS, WATCH_WRITES, scenario
from harness.schedules.decisions import Fault
from harness.targets.extras import delegation
from harness.targets.protocol import AddAgent, Capability, CheckUp, Setup

LANES = ("lane0", "lane1", "lane2", "lane3")
CONTENTION = 2.0  # seconds that one add is kept in the middle of its git
BRANCHES = ("{}", "agent/{}", "worktree-{}")
NEEDS = (Capability.ADD_AGENTS, Capability.WORKTREES)


def adding(lab: Lab, name: str) -> AddAgent:
    """An agent in a new worktree of the run's repository."""
    return AddAgent(name=name, workspace=str(lab.site.workspace(name)), worktree_of=str(_folder(lab)))


def look(lab: Lab, when: str) -> None:
    """Record what the repository's files say."""
    lab.record(repository.seen(_folder(lab), lab.site.workspaces, when))


def _folder(lab: Lab) -> Path:
    return lab.site.root / "repository"


def _prepared(
    lab: Lab, *occupied: str, empty: str | None = None, branched: str | None = None, locked: str | None = None
) -> None:
    """A repository, and folders with something in them where these agents' worktrees would be.

    For one agent there is an empty folder, for one a branch of each name that programs give to an agent's, and for one
    another git's lock on each.
    """
    lab.prepare(Setup())
    repository.edit(repository.make(_folder(lab)))
    if empty:
        lab.site.workspace(empty).mkdir(parents=True)
    for name in BRANCHES if branched else ():
        repository.branch(_folder(lab), name.format(branched))
    for name in BRANCHES if locked else ():
        repository.lock_branch(_folder(lab), name.format(locked))
    for name in occupied:
        lab.site.workspace(name).mkdir(parents=True)
        (lab.site.workspace(name) / "notes").write_text("nobody's to remove\n", encoding="utf-8")
    look(lab, "before")


def _in_mid_git(lab: Lab) -> Where:
    """A rename onto the repository's config, or of what git keeps of a worktree."""
    shared = str(_folder(lab) / ".git")

    def matches(call: StoppedCall) -> bool:
        place = call.path.removeprefix(shared) if call.path.startswith(shared) else ""
        return call.kind.name.startswith("rename") and (place == "/config" or place.startswith("/worktrees/"))

    return matches


def _at_a_branch(lab: Lab, call: str) -> Where:
    """The opening of a branch's lock file, or the rename that makes it the branch."""
    branches = str(_folder(lab) / ".git" / "refs" / "heads")
    return lambda stopped: stopped.kind.name.startswith(call) and stopped.path.startswith(branches)


async def _four_at_once(lab: Lab) -> None:
    """One add is kept at a rename of its git's, with the lock that this has, while three others try."""
    async with lab.kept("an add kept in the middle of its git", where=_in_mid_git(lab)) as until_kept:
        first = await lab.start(adding(lab, LANES[0]), f"add-{LANES[0]}")
        await until_kept(first)
        others = [await lab.start(adding(lab, lane), f"add-{lane}") for lane in LANES[1:]]
        if lab.faulty:
            await asyncio.gather(*(lab.ends_within(other, CONTENTION) for other in others))
    for add in (first, *others):
        await add.finished()
    look(lab, "after")


async def _added_by_a_hook(lab: Lab) -> None:
    """An add with what git sets for the hooks of a commit in a worktree (githooks(5)); the commit is elsewhere."""
    elsewhere = repository.make(lab.site.root / "elsewhere") / ".git"
    lab.environment = {"GIT_DIR": str(elsewhere), "GIT_INDEX_FILE": str(elsewhere / "index")}
    await lab.run(adding(lab, "hooked"), "add-hooked")
    lab.environment = {}


@scenario(
    "GIT-1",
    fault="four agents are added in worktrees at once, and the first is kept in the middle of its git; before, one is "
    "added by a hook of another repository",
    needs=NEEDS,
    watch=WATCH_REPLACEMENTS,
    exact=True,
    judges=[worktrees_exist_or_fail_cleanly],
)
async def test_four_worktrees_at_once(lab: Lab) -> None:
    """Worktrees of one repository that are made at once are all there, or their adds fail and leave nothing."""
    _prepared(lab)
    if lab.faulty:
        await _added_by_a_hook(lab)
    await _four_at_once(lab)


@scenario(
    "GIT-2",
    fault="four agents are added in worktrees at once, and the first is kept in the middle of its git",
    needs=NEEDS,
    watch=WATCH_REPLACEMENTS,
    exact=True,
    judges=[repository_is_unchanged],
)
async def test_repository_after_worktrees(lab: Lab) -> None:
    """The repository whose worktrees agents get keeps its config, its branch, and what is at work in its checkout."""
    _prepared(lab)
    await _four_at_once(lab)


@scenario(
    "CFG-12",
    fault="adds in worktrees meet a repair of the state beside them, a name, a folder or a branch that is taken, a "
    "branch that another git has locked, a full disk, one that fails once their agent is in the config, SIGTERM and "
    "Ctrl-C in mid-git, one of them where there was an empty folder",
    needs=NEEDS,
    watch=WATCH_WRITES,
    exact=True,
    judges=[add_and_worktree_compose],
)
async def test_worktree_and_agent_together(lab: Lab) -> None:
    """An add that fails leaves neither an agent nor a worktree, branch or folder, and takes nothing that was there."""
    _prepared(lab, "occupied", empty="ended", branched="branched", locked="locked" if lab.faulty else None)
    await _added_beside_a_repair(lab, "good")
    if lab.faulty:
        await lab.run(AddAgent(name="good", workspace=str(lab.site.workspace("twice"))), "taken")
        other = AddAgent(name="good", workspace=str(lab.site.workspace("other")), worktree_of=str(_folder(lab)))
        await lab.run(other, "taken-with-worktree")
        await lab.run(adding(lab, "occupied"), "add-occupied")
        await lab.run(adding(lab, "branched"), "add-branched")
        await lab.run(adding(lab, "locked"), "add-locked")
        async with lab.struck(Fault("add-full", 0, "ENOSPC"), where=lab.is_config):
            await lab.run(adding(lab, "full"), "add-full")
        async with lab.struck(Fault("add-unsynced", 0, "EIO"), where=_once_listed(lab)):
            await lab.run(adding(lab, "unsynced"), "add-unsynced")
    async with lab.kept("an add kept in the middle of its git", where=_in_mid_git(lab)) as until_kept:
        victim = await lab.start(adding(lab, "ended"), "add-ended")
        await until_kept(victim)
        lab.signal(victim, signal.SIGTERM)
    await victim.finished()
    async with lab.kept("an add kept as its git locks the branch", where=_at_a_branch(lab, "open")) as until_kept:
        victim = await lab.start(adding(lab, "interrupted"), "add-interrupted")
        await until_kept(victim)
        lab.signal(victim, signal.SIGINT, to="group")
    await victim.finished()
    look(lab, "after")
    await lab.list_agents()


async def _added_beside_a_repair(lab: Lab, name: str) -> None:
    """An add is kept before its agent is in the config; meanwhile the state is repaired, where the target does that."""

    def writes(call: StoppedCall) -> bool:
        return call.actor == f"add-{name}" and lab.is_config(call)

    async with lab.kept("an add kept at its write of the config", where=writes) as until_kept:
        add = await lab.start(adding(lab, name), f"add-{name}")
        await until_kept(add)
        repairs = lab.faulty and Capability.CHECK_UP in lab.target.capabilities
        repair = await lab.start(CheckUp(repair=True), "repair") if repairs else None
        if repair is not None:
            await lab.stuck(repair)
    await add.finished()
    if repair is not None:
        await repair.finished()


def _once_listed(lab: Lab) -> Where:
    """The first operation on the state by whoever has put its agent into the config."""
    listed: set[str] = set()

    def matches(call: StoppedCall) -> bool:
        if call.actor in listed:
            return lab.is_state(call)
        if lab.is_config(call):
            listed.add(call.actor)
        return False

    return matches


def _once_made(lab: Lab, name: str) -> Where:
    """The first operation beside the config once the agent's worktree is whole. One that is killed as it renames onto
    the config may have done so.
    """

    def matches(call: StoppedCall) -> bool:
        if not lab.is_beside_config(call):
            return False
        return name in repository.seen(_folder(lab), lab.site.workspaces, "").worktrees

    return matches


async def _killed(lab: Lab, name: str, where: Where, *, to: str) -> None:
    """An add is killed at a call, alone or with its git."""
    async with lab.kept(f"the add of {name} kept in the middle of its work", where=where) as until_kept:
        victim = await lab.start(adding(lab, name), f"add-{name}")
        await until_kept(victim)
        lab.signal(victim, signal.SIGKILL, to=to)
    await victim.finished()


async def _killed_and_again(lab: Lab, name: str, where: Where, *, to: str) -> None:
    """The same, and it is done again."""
    await _killed(lab, name, where, to=to)
    if lab.faulty:
        await lab.run(adding(lab, name), f"add-{name}-again")


@scenario(
    "CFG-12",
    fault="adds in worktrees are killed with SIGKILL: once their agent is in the config, beside their git, with it as "
    "it locks a branch, at the config; a person works in one of the worktrees that are left",
    needs=NEEDS,
    watch=WATCH_WRITES,
    exact=True,
    judges=[add_and_worktree_compose],
)
async def test_adds_in_worktrees_that_are_killed(lab: Lab) -> None:
    """What an add that was killed has left is not in the way of the next one, which makes agent and worktree.

    Where a person has worked since, it is no leftover: what they have done stays.
    """
    _prepared(lab)
    await _killed(lab, "listed", _once_listed(lab), to="process")
    await _killed(lab, "worked", _once_made(lab, "worked"), to="process")
    if lab.faulty and (lab.site.workspace("worked") / ".git").exists():  # another program may make it last
        repository.work_in(lab.site.workspace("worked"), commit=lab.chance.random() < 0.5)
        look(lab, "worked in")
    await _killed_and_again(lab, "beside", _in_mid_git(lab), to="process")
    await _killed_and_again(lab, "branch", _at_a_branch(lab, "rename"), to="group")
    await _killed_and_again(lab, "config", lab.is_config, to="process")
    look(lab, "after")
    await lab.list_agents()


@scenario(
    "GIT-3",
    fault="two agents have one directory, one of them by a symbolic link, and the run of the first goes on; then a "
    "third has both work for it at once, and the answer of the first that comes is kept until they get no further",
    needs=[Capability.TURN],
    judges=[directory_is_used_alone, directory_is_shared_by_none],
)
async def test_two_agents_in_one_directory(lab: Lab) -> None:
    """Runs in one directory take turns, or the second is refused, by whichever path they come."""
    agents = ("lane0", "lane1", "asker")
    lab.prepare(Setup(agents=agents, models=("anthropic",), session_wait_seconds=1.0))
    lab.plan(SHARED)
    if lab.faulty:
        lab.site.workspace("lane1").rmdir()
        lab.site.workspace("lane1").symlink_to(lab.site.workspace("lane0"))
        lab.fired(SHARED)
    lab.script(Rule("first", Match(marker="first"), (Text("done", gate="first"),)))
    lab.hold("first")
    first = await lab.turn("lane0", actor="first")
    await lab.reached("first", by=[first])
    second = await lab.turn("lane1", actor="second")
    await lab.settled(second)
    lab.release("first")
    await first.finished()
    await second.finished()
    if lab.faulty and {Capability.SUBAGENTS, Capability.SESSIONS} <= lab.target.capabilities:
        await _asked_for_at_once(lab)


async def _asked_for_at_once(lab: Lab) -> None:
    """A turn has the two that share a directory work for it."""
    agents = ("lane0", "lane1")
    calls = tuple(delegation(lab.target, agent, f"[[{task('both', agent)}]] do your part") for agent in agents)
    lab.script(
        *(Rule(each, Match(marker=each), (Text("done", gate="part"),)) for each in BOTH),
        Rule("asks", Match(marker="both", turn_step=0), (Parts(calls),)),
        Rule("ends", Match(marker="both"), (Text("done"),)),
    )
    lab.hold("part")
    asker = await lab.turn("asker", actor="both")
    await lab.reached("part", by=[asker])
    await lab.settled(asker)
    lab.release("part")
    await asker.finished()
