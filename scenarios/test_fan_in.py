"""MSG-4: agents work for another, which is busy, is told of failures, or is killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fakes.script import Match, Parts, Rule, Stall, Status, Text, ToolCall
from harness.checkers.fan_in import (
    CANCELLED,
    QUIET,
    STRANGER,
    every_answer_is_told,
    every_result_once,
    failure_is_no_silence,
    task,
    told_step_by_step,
    told_to_nobody_else,
)
from harness.checkers.locks import run_does_not_wait_for_its_asker
from harness.checkers.messages import ANSWER
from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall
from harness.conductor.troubles import CRASH, KILL
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.lab.striking import Strike, sweep
from harness.scenario import WATCH_REPLACEMENTS, scenario
from harness.schedules.decisions import Fault
from harness.targets.extras import delegation, transcripts
from harness.targets.protocol import CancelRun, Capability, Setup

NEEDS = (Capability.TURN, Capability.SUBAGENTS, Capability.SESSIONS, Capability.RUNS)
WATCH_NAMES = WATCH_REPLACEMENTS | {Family.REMOVE, Family.MAKE}
OTHERS = ("lane1", "lane2", "lane3")
PAGE = "a line of what was found out\n" * 150  # a report of 4,350 characters: its end is not less than its beginning
NAMESAKE, ELSEWHERE = "lane", "ma"  # an agent and a session whose names are how those of the others begin


@scenario(
    "MSG-4",
    fault="one of three agents that work for another is refused by each of its providers; a fourth has nothing to say, "
    "and the run of a fifth is cancelled",
    needs=[*NEEDS, Capability.FAILOVER],
    judges=[every_result_once, every_answer_is_told, failure_is_no_silence, told_to_nobody_else],
)
async def test_one_child_fails(lab: Lab) -> None:
    """Of three agents at work for a session, each is reported once, the one that fails included, and to it alone."""
    lab.prepare(Setup(agents=("lane0", *OTHERS, QUIET, CANCELLED, NAMESAKE), models=("anthropic", "gemini")))
    failing = task("parent", OTHERS[-1])
    ended = (CANCELLED,) if lab.faulty and Capability.CANCEL in lab.target.capabilities else ()
    overloaded = Rule("overloaded", Match(marker=failing), (Status(529),))
    quiet = Rule("quiet", Match(marker=task("parent", QUIET)), (Parts(()),))
    silent = (Rule(agent, Match(marker=task("parent", agent)), (Stall(gate=agent),)) for agent in ended)
    agents = (*OTHERS, QUIET, *ended) if lab.faulty else OTHERS
    lab.script(*([overloaded, quiet, *silent] if lab.faulty else []), *_delegates(lab, "parent", agents, before=PAGE))
    lab.plan("an agent refused by all providers")
    for agent in ended:
        lab.hold(agent)
    parent = await lab.turn("lane0", actor="parent")
    for agent in ended:
        await _cancelled(lab, agent, parent)
    await parent.finished()
    if lab.refused(failing, 529):
        lab.fired("an agent refused by all providers")
    await (await lab.turn(NAMESAKE, actor=STRANGER)).finished()
    if lab.faulty:
        elsewhere = f"{STRANGER}-session"
        await lab.run(replace(lab.turning("lane0", actor=elsewhere), session=ELSEWHERE), elsewhere)
    await _last_turn(lab)


async def _cancelled(lab: Lab, agent: str, parent: Actor) -> None:
    """Cancel the run of an agent that works for another, once its model keeps it waiting."""
    await lab.reached(agent, by=[parent])
    for row in await lab.list_runs("list-before"):
        if row.agent == agent:
            await lab.run(CancelRun(id=row.id), "cancel")
    lab.release(agent)


@scenario(
    "MSG-4",
    fault="an agent that works for another has a third one work for it, which answers when the two get no further",
    needs=NEEDS,
    judges=[told_step_by_step],
)
async def test_agent_that_delegates(lab: Lab) -> None:
    """What an agent answers is told to the one that has asked it, and not to whoever had asked that one."""
    first, second = OTHERS[:2]
    lab.prepare(Setup(agents=("lane0", first, second), models=("anthropic",)))
    outer = task("parent", first)
    inner = task(outer, second)
    lab.script(
        Rule("inner", Match(marker=inner), (Text(f"[[{ANSWER}{inner}]] done", gate="inner"),)),
        *_has_one_work(lab, outer, second, inner, gate=outer),
        *_has_one_work(lab, "parent", first, outer),
    )
    for gate in ("inner", outer):
        lab.hold(gate)
    parent = await lab.turn("lane0", actor="parent")
    for gate in ("inner", outer):
        await lab.reached(gate, by=[parent])
    lab.release(outer)
    await lab.settled(parent)
    lab.release("inner")
    await parent.finished()


@scenario(
    "LCK-7",
    fault="an agent that works for another has an agent of the other's session work for it, which waits for both",
    needs=[*NEEDS, Capability.TIMEOUT],
    judges=[run_does_not_wait_for_its_asker],
)
async def test_work_given_back(lab: Lab) -> None:
    """A run does not wait for a session that is held by the run for which it works."""
    lab.prepare(Setup(agents=("lane0", *OTHERS[:2]), models=("anthropic",), session_wait_seconds=lab.patience))
    timeout = await lab.undisturbed("lane0")
    lab.plan("work given back")
    middle, back = task("outer", OTHERS[0]), "lane0" if lab.faulty else OTHERS[1]
    inner = task(middle, back)
    lab.script(
        Rule("inner", Match(marker=inner), (Text(f"[[{ANSWER}{inner}]] done"),)),
        *_has_one_work(lab, middle, back, inner),
        *_has_one_work(lab, "outer", OTHERS[0], middle),
    )
    await (await lab.turn("lane0", actor="outer", timeout=3 * timeout)).finished()
    if lab.asked(middle, "anthropic"):
        lab.fired("work given back")


def _has_one_work(lab: Lab, asker: str, agent: str, what: str, *, gate: str | None = None) -> tuple[Rule, Rule]:
    """The asker's model has one agent work, and nothing to add, be it before that one ends or after."""
    return (
        Rule(f"{asker} asks", Match(marker=asker, turn_step=0), (delegation(lab.target, agent, f"[[{what}]] go on"),)),
        Rule(f"{asker} answers", Match(marker=asker), (Text(f"[[{ANSWER}{asker}]] done", gate=gate),)),
    )


@scenario(
    "MSG-4",
    fault="two agents end while the one that they work for is in a tool call, and waits for its provider",
    needs=[*NEEDS, Capability.TOOLS],
    judges=[every_result_once],
)
async def test_busy_parent(lab: Lab) -> None:
    """What agents have to say is not lost when the one that they work for is busy, and waited for by another run."""
    first, second = OTHERS[:2]
    lab.prepare(Setup(agents=("lane0", first, second), models=("anthropic",)))
    with _long_command(lab) as (command, end):
        lab.script(
            *_delegates(lab, "parent", (first, second), lab.target.tool_call(command), gate="parent", others="{}")
        )
        for gate in ("parent", first, second):
            lab.hold(gate)
        begun = asyncio.create_task(lab.look.grows(lab.effects("long"), within=lab.patience))
        parent = await lab.turn("lane0", actor="parent")
        for agent in (first, second):
            await lab.reached(agent, by=[parent])
        if not await begun:
            raise TargetFailed("the tool call beside the delegated work was not carried out")
        lab.release(first)
        await lab.settled(parent)
        end()
        await lab.reached("parent", by=[parent])
        waiting = await lab.turn("lane0", actor="waiting")
        lab.release(second)
        await lab.settled(parent)
        lab.release("parent")
        await parent.finished()
        await waiting.finished()
    await _last_turn(lab)


@scenario(
    "MSG-4",
    fault="a turn that has other agents work for it is killed at one of its operations on its files",
    needs=[*NEEDS, Capability.TRANSCRIPTS],
    watch=WATCH_NAMES | {Family.WRITE, Family.SYNC, Family.FORK},
    exact=True,
    judges=[every_result_once],
)
async def test_killed_parent(lab: Lab) -> None:
    """After a turn was killed, the next one is told once what came of everything that it had delegated."""
    lab.prepare(Setup(agents=("lane0", *OTHERS[:2]), models=("anthropic",), grace_seconds=0.5))
    rules: list[Rule] = []  # all that were ever in force: what works for a killed turn may ask later
    waiting: set[str] = set()  # turns with nothing to do but to wait for the others

    async def turn(name: str) -> None:
        """The others answer when the turn can get no further without them."""
        rules.extend(_delegates(lab, name, OTHERS[:2], gate=f"{name} goes on", others=f"{name} waits"))
        lab.script(*rules)
        if not lab.faulty:
            lab.release(f"{name} goes on")
            lab.release(f"{name} waits")
        run = await lab.turn("lane0", actor=name)
        await lab.reached(f"{name} goes on", by=[run])
        lab.release(f"{name} goes on")
        await lab.settled(run)
        waiting.add(name)
        lab.release(f"{name} waits")
        await run.finished()

    async def work(name: str, strike: Strike) -> None:
        async with strike():
            await turn(name)
        await (await lab.turn("lane0", actor=f"{name}-next")).finished()

    def is_parents(call: StoppedCall) -> bool:
        """Whether the parent itself does it, and does it in every turn: what a database writes depends on its pages."""
        if not lab.is_state(call) or call.process != lab.actors[call.actor].pid:
            return False
        return call.kind.family in WATCH_NAMES or Path(call.path).parent in sessions

    def has_news(call: StoppedCall) -> bool:
        """Whether others have an answer for the turn, of which its model was not told."""
        tasks = [task(call.actor, agent) for agent in OTHERS[:2]]
        return call.actor in waiting and not all(lab.told(call.actor, f"{ANSWER}{each}") for each in tasks)

    await turn("first")  # from now on every turn does the same operations
    sessions = {path.parent for path in transcripts(lab.target, lab.site, "lane0")}
    killed = "parents killed at an operation"
    await sweep(lab, work, what=killed, faults=CRASH, most=7, where=is_parents, crucial=has_news)
    if lab.faulty:  # of the others the turns tell that delegate again
        async with lab.struck(Fault("last", 0, KILL), where=lambda call: is_parents(call) and has_news(call)):
            await turn("last")
    await _last_turn(lab)


def _delegates(
    lab: Lab,
    parent: str,
    agents: Sequence[str],
    *calls: ToolCall,
    gate: str | None = None,
    others: str | None = None,
    before: str = "",
) -> tuple[Rule, ...]:
    """A turn's model has all these agents work at once, and has nothing to add, be it before they end or after.

    Its answers after the first are held at the gate, those of the agents at `others`, or at one named after each. Each
    of these begins with `before`.
    """
    tasks = {agent: task(parent, agent) for agent in agents}
    asked = [delegation(lab.target, agent, f"[[{each}]] do your part") for agent, each in tasks.items()]
    return (
        *(
            Rule(
                each,
                Match(marker=each),
                (Text(f"{before}[[{ANSWER}{each}]] done", gate=others and others.format(agent)),),
            )
            for agent, each in tasks.items()
        ),
        Rule(f"{parent} delegates", Match(marker=parent, turn_step=0), (Parts((*asked, *calls)),)),
        Rule(f"{parent} answers", Match(marker=parent), (Text("done", gate=gate),)),
    )


async def _last_turn(lab: Lab) -> None:
    """One more turn of the session, which is told of what none before it was; then the list of all runs."""
    await (await lab.turn("lane0", actor="next")).finished()
    await lab.list_runs("list", everything=True)


@contextmanager
def _long_command(lab: Lab) -> Iterator[tuple[str, Callable[[], object]]]:
    """A shell command that counts its beginning and ends when it is told to; in the control arm it ends by itself."""
    if not lab.faulty:
        yield lab.effect("long"), lambda: None
        return
    pipe = lab.site.root / "end-of-long"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR)  # Linux opens both ends at once (fifo(7)), so that nobody waits for the other
    try:
        yield f"{lab.effect('long')}; read line < {shlex.quote(str(pipe))}", lambda: os.write(descriptor, b"end\n")
    finally:
        os.close(descriptor)
