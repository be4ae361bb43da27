"""NET: a command that is told of nothing but loopback stays there."""

from __future__ import annotations

import signal

from fakes.script import Match, Rule, Status
from harness.checkers.network import no_network_beyond_loopback
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.protocol import Capability, CheckUp, ListAgents, Setup
from scenarios.child_work import tool_then_text
from scenarios.gateway import serving
from scenarios.work import providers

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
    models = providers(lab)[::-1]  # the first has a credential to renew, if any has
    credential = lab.credential("codex", expired=True) if "codex" in models else None
    lab.prepare(Setup(agents=("lane0",), models=models, credential=credential, grace_seconds=0.5))
    if lab.faulty:
        await _everything(lab, models[0])
    await lab.run(ListAgents(), "list")
    if lab.conducted:  # else nobody would have seen an attempt
        lab.fired(SEALED, "every connect and every addressed datagram was looked at")


async def _everything(lab: Lab, first: str) -> None:
    """What a program may take for an occasion to tell somebody, or to look for news."""
    has = lab.target.capabilities
    lab.script(
        Rule("moves", Match(marker="fails", provider=first), (Status(529),)),
        Rule("fails", Match(marker="fails"), (Status(400),)),
        *(tool_then_text(lab, "succeeds", "true") if Capability.TOOLS in has else ()),
    )
    await lab.add("lane1")
    await (await lab.turn("lane0", actor="succeeds")).finished()
    await (await lab.turn("lane0", actor="fails")).finished()
    if Capability.CHECK_UP in has:
        await lab.run(CheckUp(), "check-up")
    if Capability.GATEWAY in has:
        gateway = await serving(lab)
        gateway.signal(signal.SIGTERM)
        await gateway.finished()
