"""CHD: child work that acts against what is to end it, and a user who is impatient."""

from __future__ import annotations

import signal

from harness.checkers.children import grace_is_granted, killed_tree_ends, no_unaccounted_survivor
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.protocol import Capability, Setup
from scenarios.child_work import GRACE, NEEDS, end_and_look, start_building, tool_then_text, without_builds

NEEDED, GRANTED = 6.5, 12.0  # seconds: longer than programs give child work by themselves
STOPS_ITS_PARENT = "kill -STOP $PPID"  # a shell command: whatever has started the shell does nothing more by itself


@scenario(
    "CHD-1",
    fault="SIGINT in mid-build, and a second one once the builds are told to end",
    needs=NEEDS,
    judges=[no_unaccounted_survivor],
)
async def test_interrupted_twice(lab: Lab) -> None:
    """A run that gets SIGINT takes its builds with it, also when whoever sent it is impatient."""
    if await without_builds(lab):
        return
    told = lab.effects("told")
    run = await start_building(lab, "lane0", first=f"trap 'echo to end >> {told}' TERM INT HUP")
    lab.signal(run, signal.SIGINT)
    await lab.look.grows(told, within=GRACE)
    run.signal(signal.SIGINT)  # unless it has ended by then
    await lab.ends_within(run, GRACE)
    await lab.look.survivors(run, GRACE)


@scenario(
    "CHD-1",
    fault=f"SIGTERM to a run whose tool needs {NEEDED:g} s to end, and is to have {GRANTED:g} s",
    needs=[*NEEDS, Capability.GRACE],
    judges=[grace_is_granted],
)
async def test_work_that_needs_its_grace(lab: Lab) -> None:
    """Child work that takes long to end, but not longer than it may, is let: it saves what it has done."""
    lab.prepare(Setup(agents=("lane0",), grace_seconds=GRANTED))
    done = lab.effects("lane0")
    saves = f"trap '' TERM INT HUP; echo begun >> {done}; sleep {NEEDED if lab.faulty else 0}; echo saved >> {done}"
    lab.script(*tool_then_text(lab, "lane0", saves))
    run = await lab.turn("lane0")
    if not await lab.look.grows(done, within=lab.target.patience):
        raise TargetFailed("the tool call was not carried out")
    lab.signal(run, signal.SIGTERM)
    await lab.ends_within(run, NEEDED + GRACE)
    lab.look.effect("lane0")


@scenario(
    "CHD-1",
    fault="SIGTERM in mid-build, when the builds' shell has stopped the process that had started it",
    needs=NEEDS,
    judges=[no_unaccounted_survivor],
)
async def test_terminated_when_its_work_had_stopped_it(lab: Lab) -> None:
    """A run that gets SIGTERM takes builds with it that have stopped whoever was to look after them."""
    # That may be the command itself, which can do nothing about a signal before it is continued.
    await end_and_look(lab, signal.SIGTERM, signal.SIGCONT, first=STOPS_ITS_PARENT)


@scenario(
    "CHD-2",
    fault="SIGKILL of the command in mid-build, when the builds' shell has stopped the process that had started it",
    needs=NEEDS,
    judges=[killed_tree_ends],
)
async def test_killed_when_its_work_had_stopped_it(lab: Lab) -> None:
    """After SIGKILL of the command builds end too that have stopped whoever was to look after them."""
    await end_and_look(lab, signal.SIGKILL, first=STOPS_ITS_PARENT)


@scenario(
    "CHD-2",
    fault="the builds' shell kills the process that had started it with SIGKILL",
    needs=NEEDS,
    judges=[killed_tree_ends],
)
async def test_killed_by_its_work(lab: Lab) -> None:
    """Builds end with their run, or before, that have killed the command, or whoever was to look after them."""
    if await without_builds(lab):
        return
    lab.plan("the builds were let kill")
    go = lab.effects("go")
    run = await start_building(lab, "lane0", last=f"until test -e {go}; do sleep 0.05; done; kill -KILL $PPID; wait")
    go.touch()
    lab.fired("the builds were let kill")
    if not await lab.ends_within(run, GRACE):
        run.signal(signal.SIGTERM)  # it may go on without whoever was killed, but not beyond its end
        await lab.ends_within(run, GRACE)
    await lab.look.survivors(run, GRACE)
