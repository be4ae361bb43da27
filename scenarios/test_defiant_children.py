"""CHD: child work that acts against what is to end it, and a user who is impatient."""

from __future__ import annotations

import signal

from harness.checkers.children import killed_tree_ends, no_unaccounted_survivor
from harness.lab import Lab
from harness.scenario import scenario
from scenarios.child_work import GRACE, NEEDS, end_and_look, start_building, without_builds

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
