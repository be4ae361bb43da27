"""What scenarios have models ask for: builds that are hard to get rid of, and how long those get to end."""

from __future__ import annotations

import asyncio
import shlex
import signal
import time

from fakes.script import Match, Rule, Text
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.lab.look import worker
from harness.processes import stat
from harness.targets.protocol import Capability, Setup

GRACE = 5.0  # seconds a tree may take to end: ten times the grace period that the target is told to grant its children
OUTLIVES = 150  # beats, 20 ms apart: three seconds of life, six grace periods after the other run has ended
LASTS = (
    120.0  # seconds that a build goes on by itself, beyond the run's time-out: on a slow machine that may be as long
)
# A shell that waits for four kinds of build: an ordinary one, one that ignores TERM, one in a session of its own, and
# one that has cut every tie to its parent.
KINDS = {
    "plain": (),
    "stubborn": ("--ignore-term",),
    "session": ("--new-session", "--ignore-term"),
    "daemon": ("--double-fork", "--new-session", "--ignore-term"),
}
NEEDS = (Capability.TURN, Capability.TOOLS)


async def start_building(
    lab: Lab, agent: str, *, first: str = "true", last: str = "wait", timeout: float | None = None
) -> Actor:
    """Start a turn whose tool call runs each kind of build after a `first`, and wait until all of them work."""
    seconds = LASTS + (timeout or 0.0)
    builds = {f"{agent}-{kind}": lab.build(f"{agent}-{kind}", *flags, seconds=seconds) for kind, flags in KINDS.items()}
    builds[f"{agent}-restarted"] = _restarted(lab, f"{agent}-restarted", seconds)
    lab.script(*tool_then_text(lab, agent, f"{first}; {' & '.join(builds.values())} & {last}"))
    run = await lab.turn(agent, timeout=timeout)
    for child in builds:
        if not await lab.look.beat(child, within=lab.target.patience, by=run):
            raise TargetFailed(f"{child} never began to work: the tool call was not carried out")
    return run


def _restarted(lab: Lab, child: str, seconds: float) -> str:
    """A build that, once it is told to end, is begun again in a session of its own."""
    first, again = lab.build(child, seconds=seconds), lab.build(f"{child}-again", *KINDS["session"], seconds=seconds)
    return shlex.join(["sh", "-c", 'trap "$0 & exit" TERM INT HUP; eval "$1" & wait', again, first])


def tool_then_text(
    lab: Lab, marker: str, command: str, *, background: bool = False, gate: str | None = None
) -> tuple[Rule, Rule]:
    """The model asks for a command, and says "done" once it has the result, and is let through the gate, if any."""
    return (
        Rule(
            f"{marker}-tool", Match(marker=marker, turn_step=0), (lab.target.tool_call(command, background=background),)
        ),
        Rule(f"{marker}-text", Match(marker=marker), (Text("done", gate=gate),)),
    )


async def without_builds(lab: Lab) -> bool:
    """Prepare; whether this is the control arm, in which a run without any builds is looked at, and that is all."""
    lab.prepare(Setup(agents=("lane0",), grace_seconds=0.5))
    if lab.faulty:
        return False
    quiet = await lab.turn("lane0")
    await quiet.finished()
    await lab.look.survivors(quiet, GRACE)
    return True


async def end_and_look(lab: Lab, *signals: signal.Signals, to: str = "process", first: str = "true") -> None:
    """Signal a run in mid-build, and look for survivors. Without the fault the run has no builds at all."""
    if await without_builds(lab):
        return
    run = await start_building(lab, "lane0", first=first)
    lab.look.tree("before the signal")
    for number in signals:
        lab.signal(run, number, to=to)
    await lab.ends_within(run, GRACE)
    await lab.look.survivors(run, GRACE)


async def killed_and_not_collected(lab: Lab, agent: str, by: str) -> Actor:
    """A run of this agent that a tool of the other one starts is killed in mid-turn, and stays there as a zombie.

    Gives the run that has the tool: until it ends nobody asks how the dead one ended (wait(2)), as in a container whose
    first process collects nobody. The control arm has the agent's run alone, and it is not killed.
    """
    fault, born = "a run that was killed, and that nobody collects", lab.heartbeat("killed")
    lab.plan(fault)
    held = Rule("killed", Match(marker="killed"), (Text("done", gate="killed"),))
    lab.hold("killed")
    if not lab.faulty:
        return await lab.turn(agent, actor="killed")
    killed = f"{lab.words(lab.turning(agent, actor='killed'))} >/dev/null 2>&1 & echo pid $! > {shlex.quote(str(born))}"
    # The shell becomes a program that does not know that it has a child.
    lab.script(held, *tool_then_text(lab, "parent", f"{killed}; exec {lab.build('parent')}"))
    parent = await lab.turn(by, actor="parent")
    await lab.reached("killed", by=[parent])
    pid = worker(born)
    if pid is None:
        raise TargetFailed("the tool call was not carried out")
    lab.kill(pid, fault)
    await _zombie(lab, pid)
    return parent


async def _zombie(lab: Lab, pid: int) -> None:
    """Wait until a process that was killed has ended. Raises TargetFailed when somebody has collected it."""
    give_up = time.monotonic() + lab.target.patience
    while (found := stat.fields(pid)) and found[0] != "Z" and time.monotonic() < give_up:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    if not found or found[0] != "Z":
        raise TargetFailed("the run that was killed was collected by a parent that does not do so")
