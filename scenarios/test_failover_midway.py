"""FLO: failures in the middle of a turn, when something has been done or said already."""

from __future__ import annotations

from fakes.script import Match, Reply, Reset, Rule, Stall, Status, Truncate
from harness.checkers.midway import effects_at_most_once
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.protocol import Capability, Setup

AFTER_A_TOOL: dict[str, Reply] = {
    "overloaded": Status(529),
    "reset": Reset(after_frames=3),
    "truncated": Truncate(after_frames=4),
    "stalled": Stall(),
}
WHOLE_CALL = 7  # frames of an answer until its tool call is complete, but the answer is not


@scenario(
    "FLO-7",
    fault="the first provider fails right after a tool has run, or breaks off behind a complete tool call",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.TOOLS],
    judges=[effects_at_most_once],
)
async def test_failure_after_a_tool(lab: Lab) -> None:
    """A tool call is carried out once, although the model fails that asked for it."""
    credential = lab.credential("codex")
    for name in [*AFTER_A_TOOL, "within-the-call"]:
        lab.plan(name)
        lab.prepare(Setup(agents=("lane0",), credential=credential, idle_seconds=1.0), home=f"home-{name}")
        call = lab.target.tool_call(lab.effect(name))
        broken = AFTER_A_TOOL.get(name) or Truncate(after_frames=WHOLE_CALL, answer=call)
        failure = Rule(name, Match(provider="anthropic", turn_step=1 if name in AFTER_A_TOOL else 0), (broken,))
        tool = Rule(f"{name}-tool", Match(marker=name, turn_step=0), (call,))
        lab.script(*([failure] if lab.faulty else []), tool)
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.met(name):
            lab.fired(name)
        lab.look.effect(name)
