"""What scenarios do with a gateway: start one and know that it serves, and send turns through it."""

from __future__ import annotations

from dataclasses import replace

from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.targets.protocol import RunGateway, Turn


async def serving(lab: Lab, actor: str = "gateway") -> Actor:
    """Start a gateway and wait until it says something: that it listens. Raises TargetFailed when it does not."""
    gateway = await lab.start(RunGateway(), actor)
    if not await lab.speaks(gateway):
        raise TargetFailed(f"{actor} did not say that it listens")
    return gateway


def routed(lab: Lab, agent: str, actor: str, *, timeout: float | None = None) -> Turn:
    """A turn that goes through the gateway."""
    return replace(lab.turning(agent, actor=actor, timeout=timeout), gateway=True)
