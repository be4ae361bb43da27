"""AUT: an authorization server that fails, loses its answers, or says something wrong."""

from __future__ import annotations

from fakes.oauth import Fault
from harness.checkers.token_server import OUTAGE, passing_errors_are_ridden_out
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.protocol import Capability, Setup

PASSING = {"status-429": 429, "status-500": 500, "status-503": 503}


@scenario(
    "AUT-10",
    fault="the token endpoint fails once, with 429, 500 or 503, before it has spent anything; then with every request",
    needs=[Capability.TURN, Capability.OAUTH],
    judges=[passing_errors_are_ridden_out],
    not_verified=["a token endpoint to which no connection can be made"],
)
async def test_token_endpoint_fails_in_passing(lab: Lab) -> None:
    """A token endpoint that fails in passing is asked again, a few times, and nobody has to sign in."""
    for name, status in (*PASSING.items(), (OUTAGE, 503)):
        lab.plan(name)
        credential = lab.credential(name, expired=True)
        lab.prepare(Setup(agents=("lane0",), models=("codex",), credential=credential), home=f"home-{name}")
        if lab.faulty:
            always = None if name == OUTAGE else 1
            lab.fakes.oauth.set_fault(Fault(kind="error-before-commit", status=status, times=always))
        lab.look.credentials(f"{name} before")
        await (await lab.turn("lane0", actor=name)).finished()
        lab.look.credentials(f"{name} after")
        if lab.decided(name, "error-before-commit"):
            lab.fired(name)
    lab.fakes.oauth.set_fault(None)
    await (await lab.turn("lane0", actor=f"after-{OUTAGE}")).finished()
