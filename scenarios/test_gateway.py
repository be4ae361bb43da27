"""FLO: a gateway that is lost while it has a turn."""

from __future__ import annotations

import asyncio
import signal

from fakes.script import Match, Rule, Text
from harness.actor import Actor
from harness.checkers.gateway import GATEWAY, lost_gateway_is_final
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.output import documents
from harness.targets.protocol import Capability, RunGateway, Setup, Turn

ENDS = {"killed": signal.SIGKILL, "terminated": signal.SIGTERM}
GRACE = 15.0  # seconds for the client to notice; a gateway that drains by waiting for the turn is then let finish it
_POLL = 0.02


async def start_gateway(lab: Lab, turn: str) -> Actor:
    """Start the gateway that is to have this turn, and wait for the document with which it says that it serves."""
    gateway = await lab.start(RunGateway(), f"{GATEWAY}{turn}")
    while not documents(lab.said(gateway)).found:
        if gateway.exited:
            raise TargetFailed("the gateway ended by itself")
        await asyncio.sleep(_POLL)
    return gateway


@scenario(
    "FLO-9",
    fault="the gateway is killed, or terminated, while it waits for the model's answer to a turn",
    needs=[Capability.TURN, Capability.GATEWAY],
    judges=[lost_gateway_is_final],
)
async def test_lost_gateway(lab: Lab) -> None:
    """A turn whose gateway is lost is reported as lost, and not begun again elsewhere."""
    for name, number in ENDS.items():
        lab.prepare(Setup(agents=("lane0",), models=("anthropic",), grace_seconds=0.5), home=f"home-{name}")
        gateway = await start_gateway(lab, name)
        lab.script(Rule(name, Match(marker=name), (Text("done", gate=name),)))
        lab.hold(name)
        lab.plan(f"{name}: the gateway has the turn")
        run = await lab.start(Turn(agent="lane0", message=f"[[{name}]] hi", gateway=True), name)
        await lab.reached(name, by=[gateway])
        if lab.look.asking(name) == gateway.name:
            lab.fired(f"{name}: the gateway has the turn")
        lab.signal(gateway, number)
        await lab.ends_within(run, GRACE)
        lab.release(name)
        await run.finished()
        gateway.signal(signal.SIGTERM)  # in the control arm it is still there
        await gateway.finished()
