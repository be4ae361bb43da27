"""What scenarios have models ask for: builds that are hard to get rid of, and how long those get to end."""

from __future__ import annotations

from fakes.script import Match, Rule, Text
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.targets.protocol import Capability

GRACE = 5.0  # seconds a tree may take to end: ten times the grace period that the target is told to grant its children
OUTLIVES = 150  # beats, 20 ms apart: three seconds of life, six grace periods after the other run has ended
# A shell that waits for four kinds of build: an ordinary one, one that ignores TERM, one in a session of its own, and
# one that has cut every tie to its parent.
KINDS = {
    "plain": (),
    "stubborn": ("--ignore-term",),
    "session": ("--new-session", "--ignore-term"),
    "daemon": ("--double-fork", "--new-session", "--ignore-term"),
}
STOPS_ITS_PARENT = "kill -STOP $PPID"  # a shell command: whatever has started the shell does nothing more by itself
NEEDS = (Capability.TURN, Capability.TOOLS)


async def start_building(lab: Lab, agent: str, *, first: str = "true", timeout: float | None = None) -> Actor:
    """Start a turn whose tool call runs all four kinds of build after a `first`, and wait until each of them works."""
    children = {kind: f"{agent}-{kind}" for kind in KINDS}
    command = " & ".join(lab.build(child, *KINDS[kind]) for kind, child in children.items()) + " & wait"
    lab.script(*tool_then_text(lab, agent, f"{first}; {command}"))
    run = await lab.turn(agent, timeout=timeout)
    for child in children.values():
        if not await lab.look.beat(child, within=lab.target.patience, by=run):
            raise TargetFailed(f"{child} never began to work: the tool call was not carried out")
    return run


def tool_then_text(lab: Lab, marker: str, command: str, *, background: bool = False) -> tuple[Rule, Rule]:
    """The model asks for a command, and says "done" once it has the result."""
    return (
        Rule(
            f"{marker}-tool", Match(marker=marker, turn_step=0), (lab.target.tool_call(command, background=background),)
        ),
        Rule(f"{marker}-text", Match(marker=marker), (Text("done"),)),
    )
