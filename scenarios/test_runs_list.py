"""OPS-1: the list of runs is true, and what it lists can be cancelled."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections.abc import Sequence

from fakes.script import Match, Rule, Text
from harness.checkers.children import RECYCLED
from harness.checkers.operator import HELPER, list_shows_truth
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.outcome import RunSeen
from harness.scenario import scenario
from harness.targets.extras import delegation, grow, recycle
from harness.targets.protocol import CancelRun, Capability, Setup
from scenarios.child_work import killed_and_not_collected, tool_then_text
from scenarios.gateway import serving

HISTORY = 300  # runs: more than programs show on one page


@scenario(
    "OPS-1",
    fault="one run is held, another waits for its session, one was killed with SIGKILL, whose pid belongs to the first "
    "by now, and all are cancelled",
    needs=[Capability.TURN, Capability.RUNS],
    judges=[list_shows_truth],
)
async def test_list_after_a_kill(lab: Lab) -> None:
    """The list of runs shows what runs, and nothing that does not."""
    has = lab.target.capabilities
    agents = ("held", "killed", "cancelled")
    lab.prepare(Setup(agents=agents, grace_seconds=lab.patience, session_wait_seconds=lab.patience))
    build = tool_then_text(lab, "cancelled", _until_let_go(lab, "cancelled")) if Capability.TOOLS in has else ()
    lab.script(*(Rule(name, Match(marker=name), (Text("done", gate=name),)) for name in ("held", "killed")), *build)
    for name in ("held", "killed"):
        lab.hold(name)
    killed = await lab.turn("killed")
    await lab.reached("killed", by=[killed])
    held = await lab.turn("held")  # who gets a pid again has begun later: a start time has 10 ms (proc(5))
    still = [held]
    await lab.reached("held", by=[held])
    if lab.faulty:
        await _listed(lab, "list-both")
    lab.signal(killed, signal.SIGKILL)
    await killed.finished()
    if lab.faulty and Capability.RUN_RECORDS in has:
        lab.plan(RECYCLED)
        if recycle(lab.target, lab.site, killed.pid, held.pid):
            lab.fired(RECYCLED)
    if lab.faulty:
        await _listed(lab, "list-after-kill")
    if lab.faulty and Capability.SESSIONS in has:
        still.append(await lab.turn("held", actor="waiting"))
        await lab.settled(still[-1])
        await _listed(lab, "list-while-one-waits")
    if lab.faulty and {Capability.TOOLS, Capability.CANCEL} <= has:
        still.append(await _begun_to_build(lab, "cancelled"))
        rows = await _listed(lab, "list-before-cancels")
        _, cancels = await asyncio.gather(
            lab.look.beat("cancelled", within=lab.target.patience), _started_cancels(lab, rows)
        )
        await lab.settled(*cancels)  # each has ended, or waits for what it has cancelled
        await _listed(lab, "list-while-cancelled")
        lab.effects("go").touch()
        for cancel in cancels:
            await cancel.finished()
        await _listed(lab, "list-after-cancels")
    lab.release("held")
    for run in still:
        await run.finished()
    await _listed(lab, "list-at-the-end")


@scenario(
    "OPS-1",
    fault=f"{HISTORY} runs have ended before one is held",
    needs=[Capability.TURN, Capability.RUNS, Capability.LARGE_STATE],
    judges=[list_shows_truth],
)
async def test_list_after_a_long_history(lab: Lab) -> None:
    """A run is listed that goes on, however many have ended before it."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    await (await lab.turn("lane0", actor="first")).finished()
    lab.plan("a long history")
    if lab.faulty:
        grow(lab.target, lab.site, agents=1, sessions=HISTORY)
        lab.fired("a long history")
    lab.script(Rule("held", Match(marker="held"), (Text("done", gate="held"),)))
    lab.hold("held")
    held = await lab.turn("lane0", actor="held")
    await lab.reached("held", by=[held])
    if lab.faulty:
        await _listed(lab, "list-while-one-goes-on")
    lab.release("held")
    await held.finished()
    await _listed(lab, "list-at-the-end")


@scenario(
    "OPS-1",
    fault="a run is killed with SIGKILL, and whoever has started it does not collect it: it stays a zombie",
    needs=[Capability.TURN, Capability.RUNS, Capability.TOOLS],
    judges=[list_shows_truth],
)
async def test_list_beside_a_zombie(lab: Lab) -> None:
    """A run that is dead is not on the list of those that go on, although its process can still be found."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",), grace_seconds=0.5))
    parent = await killed_and_not_collected(lab, "lane0", by="lane1")
    if not lab.faulty:
        await parent.finished()
    await _listed(lab, "list-after-kill")
    lab.signal(parent, signal.SIGTERM)
    await parent.finished()
    await _listed(lab, "list-at-the-end")


@scenario(
    "OPS-1",
    fault="a gateway is started while a run that it has nothing to do with waits for its answer, and another agent "
    "works for that one",
    needs=[Capability.TURN, Capability.RUNS, Capability.GATEWAY],
    judges=[list_shows_truth],
)
async def test_list_beside_a_new_gateway(lab: Lab) -> None:
    """A gateway that starts leaves a run that goes on without it on the list."""
    lab.prepare(Setup(agents=("held", HELPER), models=("anthropic",), grace_seconds=0.5))
    gates = ("held", HELPER) if lab.faulty and Capability.SUBAGENTS in lab.target.capabilities else ("held",)
    rules = [Rule(name, Match(marker=name), (Text("done", gate=name),)) for name in gates]
    if HELPER in gates:
        call = delegation(lab.target, HELPER, f"[[{HELPER}]] do your part")
        rules.insert(0, Rule("delegates", Match(marker="held", turn_step=0), (call,)))
    lab.script(*rules)
    for gate in gates:
        lab.hold(gate)
    held = await lab.turn("held")
    for gate in gates:
        await lab.reached(gate, by=[held])
    if lab.faulty:
        await serving(lab)
        await _listed(lab, "list-beside-it")
    for gate in gates:
        lab.release(gate)
    await held.finished()
    await _listed(lab, "list-at-the-end")


async def _listed(lab: Lab, actor: str) -> tuple[RunSeen, ...]:
    """The list of runs, and before it the processes: a program may list a process that its command has started."""
    lab.look.tree(f"before {actor}")
    return await lab.list_runs(actor)


def _until_let_go(lab: Lab, name: str) -> str:
    """A shell command that does not end by SIGTERM, of which it takes note with a beat, but once it may go."""
    beats, go = (shlex.quote(str(path)) for path in (lab.heartbeat(name), lab.effects("go")))
    return f"trap 'echo asked to end >> {beats}' TERM; echo pid $$ > {beats}; until test -e {go}; do sleep 0.05; done"


async def _started_cancels(lab: Lab, rows: Sequence[RunSeen]) -> list[Actor]:
    return [await lab.start(CancelRun(id=row.id), f"cancel{number}") for number, row in enumerate(rows)]


async def _begun_to_build(lab: Lab, name: str) -> Actor:
    """A run whose build has begun."""
    run = await lab.turn(name)
    if not await lab.look.beat(name, within=lab.target.patience, by=run):
        raise TargetFailed(f"{name} never began to work: the tool call was not carried out")
    return run
