"""CFG: several commands change one config file at once."""

from __future__ import annotations

from harness.checkers.config import acknowledged_adds_survive
from harness.lab import Lab
from harness.scenario import WATCH_REPLACEMENTS, scenario
from harness.targets.protocol import Capability, Setup

LANES = ("lane0", "lane1", "lane2", "lane3")


@scenario(
    "CFG-1",
    fault="all four adds are held at the write of the config until each has read the old one",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_REPLACEMENTS,
    judges=[acknowledged_adds_survive],
)
async def test_four_adds_at_once(lab: Lab) -> None:
    """Four agents are added at the same time, and none is lost."""
    lab.prepare(Setup())
    async with lab.barrier("adds held before replacing the config", parties=4, where=lab.is_config):
        await lab.add(*LANES)
    await lab.list_agents()
