"""What scenarios have models ask for: builds that are hard to get rid of, and how long those get to end."""

from __future__ import annotations

import shlex
import signal

from fakes.script import Match, Rule, Text
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
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


def tool_then_text(lab: Lab, marker: str, command: str, *, background: bool = False) -> tuple[Rule, Rule]:
    """The model asks for a command, and says "done" once it has the result."""
    return (
        Rule(
            f"{marker}-tool", Match(marker=marker, turn_step=0), (lab.target.tool_call(command, background=background),)
        ),
        Rule(f"{marker}-text", Match(marker=marker), (Text("done"),)),
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
