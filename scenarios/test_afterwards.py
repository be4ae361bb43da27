"""CHD-3, CHD-4: what goes on when a command has returned: nothing, but for work that was wanted in the background."""

from __future__ import annotations

import signal
from pathlib import Path

from fakes.script import Match, Parts, Rule
from harness.checkers.children import BRIEF, CANCELLED, GIVEN, PRINTING, background_is_listed, workspace_quiet
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.scenario import scenario
from harness.targets.extras import delegation, limited_tool_call
from harness.targets.protocol import CancelRun, Capability, Setup
from scenarios.child_work import GRACE, KINDS, NEEDS, tool_then_text

WRITTEN = "build.log"  # what builds write in their workspaces
RETURNED = "when the command had returned"


@scenario(
    "CHD-3",
    fault="SIGTERM while a build writes into the workspace, and SIGINT while one is told to end that takes longer than "
    "its call allows",
    needs=NEEDS,
    judges=[workspace_quiet],
)
async def test_workspace_after_the_end(lab: Lab) -> None:
    """Once the command has returned, nothing in the workspace changes."""
    lab.prepare(Setup(agents=("lane0", "slow"), grace_seconds=0.5))
    told, limited = lab.effects("told"), None
    if lab.faulty:
        noting = f"trap 'echo to end >> {told}' TERM INT HUP; {_writing(lab, 'slow')}; sleep 120 & wait; wait"
        limited = limited_tool_call(lab.target, noting, 1)
        slow = (Rule("slow", Match(marker="slow", turn_step=0), (limited,)),) if limited else ()
        lab.script(*tool_then_text(lab, "lane0", f"{_writing(lab, 'lane0')}; wait; sleep 120"), *slow)
    run = await lab.turn("lane0")
    over = [run, *([await _interrupted_once_told(lab, "slow", told)] if limited else [])]
    if lab.faulty:
        if not await lab.look.grows(lab.site.workspace("lane0") / WRITTEN, within=lab.target.patience):
            raise TargetFailed("the build never wrote: the tool call was not carried out")
        lab.signal(run, signal.SIGTERM)
    await lab.ends_within(run, GRACE)
    lab.look.workspace("lane0", RETURNED)
    for each in over:
        await each.tree_ended(2)  # a tree that is gone cannot write; one that is not gets time to
        lab.look.workspace(each.name, "after the tree had ended, or two seconds")


def _writing(lab: Lab, agent: str) -> str:
    """A shell command that leaves a build behind which writes into the agent's workspace."""
    return lab.build(agent, *KINDS["daemon"], beats_in=lab.site.workspace(agent) / WRITTEN)


async def _interrupted_once_told(lab: Lab, agent: str, told: Path) -> Actor:
    """A run gets SIGINT while its tool is ended, once the tool has noted that."""
    run = await lab.turn(agent)
    if await lab.look.grows(told, within=GRACE):  # some programs kill at once, and tell nobody
        run.signal(signal.SIGINT)
    await lab.ends_within(run, GRACE)
    lab.look.workspace(agent, RETURNED)
    return run


@scenario(
    "CHD-4",
    fault="tool calls ask for background work that goes on, and prints, one of them in an agent that works for "
    "another, and for some that ends by itself; a run that has begun some is cancelled",
    needs=[*NEEDS, Capability.BACKGROUND, Capability.RUNS, Capability.CANCEL],
    judges=[background_is_listed],
)
async def test_wanted_background_work(lab: Lab) -> None:
    """Background work is listed with a handle for as long as it goes on, and cancelling the handle ends it."""
    lab.prepare(Setup(agents=("lane0", "lane1", BRIEF, CANCELLED), grace_seconds=0.5))
    lab.plan("background work")
    delegates = lab.faulty and Capability.SUBAGENTS in lab.target.capabilities
    if lab.faulty:
        lab.script(*_background(lab, delegates=delegates))
    if delegates:
        lab.hold(GIVEN)
    run = await lab.turn("lane0")
    begun = await _begun_by_a_delegate(lab, run) if delegates else False
    await run.finished()
    if not lab.faulty:
        return
    if await lab.look.beat(PRINTING):
        lab.fired("background work")
    if begun:
        await lab.look.beat(GIVEN, within=GRACE)
    lab.script(*tool_then_text(lab, BRIEF, "true", background=True))
    brief = await lab.turn(BRIEF)
    await brief.finished()
    await brief.tree_ended(lab.target.patience)  # where it has not, the list may well show it
    cancelled = await _cancelled_after_it_began(lab)
    await lab.look.beat(PRINTING, within=GRACE)
    listed = await lab.list_runs("list")
    for number, handle in enumerate(handle for row in listed for handle in row.jobs):
        await lab.run(CancelRun(id=handle), f"cancel{number}")
    for each in (run, cancelled):
        await lab.look.survivors(each, GRACE)


async def _cancelled_after_it_began(lab: Lab) -> Actor:
    """A run that has begun background work is cancelled by its own id; whether that ends the work is not said."""
    build = lab.build(CANCELLED, *KINDS["session"])
    lab.script(*tool_then_text(lab, CANCELLED, build, background=True, gate=CANCELLED))
    lab.hold(CANCELLED)
    run = await lab.turn(CANCELLED)
    if await lab.reached(CANCELLED, by=[run]):
        await lab.look.beat(CANCELLED, within=GRACE)
    for row in await lab.list_runs("list-before"):
        if row.agent == CANCELLED:
            await lab.run(CancelRun(id=row.id), "cancel")
    lab.release(CANCELLED)
    await run.finished()
    return run


def _background(lab: Lab, *, delegates: bool) -> list[Rule]:
    """A model asks for work in the background, and may have another agent do so as well, in the same answer."""
    prints = "while echo still at work; do sleep 0.2; done"  # ends where nobody takes it
    calls = [lab.target.tool_call(f"{lab.build(PRINTING, *KINDS['session'])} & {prints}", background=True)]
    rules: list[Rule] = []
    if delegates:
        calls.append(delegation(lab.target, "lane1", "[[lane1]] begin it"))
        rules.extend(tool_then_text(lab, "lane1", lab.build(GIVEN, *KINDS["session"]), background=True, gate=GIVEN))
    return [Rule("tools", Match(marker="lane0", turn_step=0), (Parts(tuple(calls)),)), *rules]


async def _begun_by_a_delegate(lab: Lab, run: Actor) -> bool:
    """Let the delegate go on once it was told what came of its call; whether that has begun, and was not refused."""
    await lab.reached(GIVEN, by=[run])
    seen = lab.look.tree("when the delegate was told what came of its call")
    begun = any(str(lab.heartbeat(GIVEN)) in each.command for each in seen)
    if begun:
        await lab.look.beat(GIVEN, within=lab.target.patience)
    lab.release(GIVEN)
    return begun
