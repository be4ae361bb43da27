"""NET: a command that is told of nothing but loopback stays there."""

from __future__ import annotations

from fakes.script import Match, Rule, Status, Text
from harness.checkers.network import no_network_beyond_loopback
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.protocol import Capability, ListAgents, Setup

SEALED = "nothing beyond loopback can be reached"


@scenario(
    "NET-1",
    fault=SEALED,
    needs=[Capability.ADD_AGENTS, Capability.TURN],
    judges=[no_network_beyond_loopback],
    not_verified=["what a daemon does for the command that it reaches through a Unix socket"],
)
async def test_stays_on_loopback(lab: Lab) -> None:
    """Commands that succeed and commands that fail open no connection to anywhere else."""
    lab.plan(SEALED)
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    if lab.faulty:
        lab.script(Rule("fails", Match(marker="fails"), (Status(400),)), Rule("else", Match(), (Text("done"),)))
        await lab.add("lane1")
        await (await lab.turn("lane0", actor="succeeds")).finished()
        await (await lab.turn("lane0", actor="fails")).finished()
    await lab.run(ListAgents(), "list")
    if lab.conducted:  # else nobody would have seen an attempt
        lab.fired(SEALED, "every connect and every addressed datagram was looked at")
