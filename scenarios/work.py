"""The rounds of work that sweeps repeat: one command that is struck, then what shows whether it did any harm."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fakes.script import Match, Rule, Stall, Text
from harness.checkers.failover import FAILOVER_ORDER
from harness.checkers.messages import ANSWER
from harness.conductor.stopped import StoppedCall, Where
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.striking import Strike
from harness.targets.protocol import CancelRun, Capability, CheckUp, DeleteAgent, ListAgents, ListRuns, Setup

_POLL = 0.01
# What people write or paste, with what ends a line for str.splitlines and Node's readline, but not in JSON. It is long
# enough for the half of a record to end in it, as a rule within one of its characters.
SPOKEN = "one\u2028two\u2029three\u0085four " + "\N{SLIGHTLY SMILING FACE}" * 120


def providers(lab: Lab) -> tuple[str, ...]:
    """Those that the target can ask: codex wants a credential by OAuth, and without failover there is one."""
    has = lab.target.capabilities
    able = FAILOVER_ORDER if Capability.FAILOVER in has else FAILOVER_ORDER[:1]
    return able if Capability.OAUTH in has else tuple(provider for provider in able if provider != "codex")


def starting_with(first: str, others: tuple[str, ...]) -> tuple[str, ...]:
    """The providers in their order, but this one first."""
    return (first, *(provider for provider in others if provider != first))


# 14 hours ahead of UTC, as nobody is further. Some programs know zones by places alone, others have no list of places.
_PLACE = "Pacific/Kiritimati"
FAR_EAST = {"TZ": _PLACE if Path("/usr/share/zoneinfo", _PLACE).exists() else "EAST-14"}


class Rounds:
    """What a round does, in a lab. Each begins with a fresh home, so that the first use of everything is in it."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    async def add(self, name: str, strike: Strike) -> None:
        """An agent is added beside another, listed, and added once more."""
        lab = self._lab
        lab.prepare(Setup(agents=("bystander",)), home=f"home-{name}")
        async with strike():
            await lab.run(lab.adding(name), name)
        lab.look.config()
        await lab.run(ListAgents(), f"{name}-list")
        await lab.run(lab.adding(name), f"{name}-again")

    async def turn(self, name: str, strike: Strike) -> None:
        """A turn of a new session, and another."""
        lab = self._lab
        lab.prepare(Setup(agents=("bystander",), models=("anthropic",)), home=f"home-{name}")
        if Capability.SESSIONS in lab.target.capabilities:  # then the other is told of the answer
            lab.script(Rule("answer", Match(marker=name), (Text(f"[[{ANSWER}{name}]] done"),)))
        async with strike():
            await (await lab.turn("bystander", actor=name)).finished()
        lab.look.config()
        await (await lab.turn("bystander", actor=f"{name}-again")).finished()

    async def refresh(self, name: str, strike: Strike) -> None:
        """A turn that has to renew its credential, and another."""
        lab = self._lab
        main, other = lab.credential(name, expired=True), lab.credential(f"other-{name}")
        setup = Setup(agents=("bystander",), models=("codex",), credential=main, other_credential=other)
        lab.prepare(setup, home=f"home-{name}")
        async with strike():
            await (await lab.turn("bystander", actor=name)).finished()
        lab.look.credentials(f"{name} after")
        await (await lab.turn("bystander", actor=f"{name}-again")).finished()

    async def cancel(self, name: str, strike: Strike) -> None:
        """A run that waits for its provider is cancelled, the runs are listed, and it is cancelled once more."""
        lab = self._lab
        lab.prepare(Setup(agents=("bystander",), models=("anthropic",), grace_seconds=0.5), home=f"home-{name}")
        lab.script(Rule("stalled", Match(marker=f"{name}-run"), (Stall(),)))
        run = await lab.turn("bystander", actor=f"{name}-run")
        while not lab.asked(run.name, "anthropic"):
            if run.exited:
                raise TargetFailed("the run that was to be cancelled ended by itself")
            await asyncio.sleep(_POLL)
        listed, *_ = await lab.list_runs(f"{name}-running")
        async with strike():
            await lab.run(CancelRun(id=listed.id), name)
        await lab.run(ListRuns(), f"{name}-list")
        await lab.run(CancelRun(id=listed.id), f"{name}-again")
        await run.finished()

    async def repair(self, name: str, strike: Strike) -> None:
        """The config is cut in half, and repaired."""
        lab = self._lab
        lab.prepare(Setup(agents=("bystander",)), home=f"home-{name}")
        await lab.run(lab.adding("other"), f"{name}-add")  # a backup has what was there before the last change
        config = lab.target.config_file(lab.site)
        config.write_bytes(config.read_bytes()[: config.stat().st_size // 2])
        async with strike():
            await lab.run(CheckUp(repair=True), name)


async def answered_turn(lab: Lab, name: str) -> None:
    """A turn whose answer can be recognised in later requests."""
    lab.script(Rule("answer", Match(marker=name), (Text(f"[[{ANSWER}{name}]] done {SPOKEN}"),)))
    await (await lab.turn("lane0", SPOKEN, actor=name)).finished()


def holding_text(lab: Lab) -> Where:
    """The writes by which an actor stores its own message or answer, and what comes next on the same file: its sync.

    Not all that comes later: a database goes on with the file for long, and would take most draws of a sweep.
    """
    written: set[str] = set()

    def matches(call: StoppedCall) -> bool:
        if lab.is_state(call) and f"{call.actor}]]".encode() in call.data():
            written.add(call.path)
            return True
        comes_next = call.path in written
        written.discard(call.path)
        return comes_next

    return matches


def before_asking(lab: Lab) -> Where:
    """The operations on the state until the newest actor has asked a model."""

    def matches(call: StoppedCall) -> bool:
        return lab.is_state(call) and not lab.asked(call.actor, "codex")

    return matches


async def added_and_deleted(lab: Lab) -> None:
    """Two agents are added at once, and one of them is deleted."""
    await lab.add("lane1", "lane2")
    await delete_if_possible(lab, "lane1", "delete-lane1")


async def delete_if_possible(lab: Lab, name: str, actor: str) -> None:
    """What holds for an add holds for a delete, of those programs that have one: it may write in a way of its own."""
    if Capability.DELETE_AGENTS in lab.target.capabilities:
        await lab.run(DeleteAgent(name=name), actor)
