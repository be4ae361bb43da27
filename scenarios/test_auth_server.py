"""AUT: an authorization server that fails, loses its answers, or says something wrong."""

from __future__ import annotations

from collections.abc import Mapping

from fakes.oauth import Fault, OAuthSettings, SeededCredential
from fakes.script import Match, Rule, Status, Text
from harness.checkers.token_server import (
    AGAIN,
    OUTAGE,
    RENEWED,
    SIGNED_IN,
    lost_answer_costs_one_sign_in,
    lost_answer_is_fetched_again,
    passing_errors_are_ridden_out,
    refused_once_refreshed_once,
)
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.protocol import Capability, Setup
from scenarios.work import FAR_EAST

LANES = ("lane0", "lane1", "lane2")  # one agent a turn: they share the credential, and no session
LOST = {
    "dropped": Fault(kind="drop-after-commit"),
    "truncated": Fault(kind="truncate-after-commit"),
    "failed": Fault(kind="error-after-commit", status=500),
}
TWICE = {"dropped-twice": Fault(kind="drop-after-commit", times=2)}
PASSING = {"status-429": 429, "status-500": 500, "status-503": 503}


@scenario(
    "AUT-10",
    fault="the token endpoint fails once, with 429, 500 or 503, before it has spent anything; then with every request, "
    "with 503 in one turn and 500 in another",
    needs=[Capability.TURN, Capability.OAUTH],
    judges=[passing_errors_are_ridden_out],
    not_verified=["a token endpoint to which no connection can be made"],
)
async def test_token_endpoint_fails_in_passing(lab: Lab) -> None:
    """A token endpoint that fails in passing is asked again, a few times, and nobody has to sign in."""
    failing = {**PASSING, OUTAGE: 503}
    for name in lab.rounds(failing):
        lab.plan(name)
        credential = lab.credential(name, expired=True)
        lab.prepare(Setup(agents=LANES, models=("codex",), credential=credential), home=f"home-{name}")
        if lab.faulty:
            always = None if name == OUTAGE else 1
            lab.fakes.oauth.set_fault(Fault(kind="error-before-commit", status=failing[name], times=always))
        lab.look.credentials(f"{name} before")
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.decided(name, "error-before-commit"):
            lab.fired(name)
        if lab.faulty and name == OUTAGE:
            lab.fakes.oauth.set_fault(Fault(kind="error-before-commit", status=500, times=None))
            await (await lab.turn("lane2", actor=f"{OUTAGE}-500")).finished()
        lab.look.credentials(f"{name} after")
    lab.fakes.oauth.set_fault(None)
    await (await lab.turn("lane1", actor=f"after-{OUTAGE}")).finished()


@scenario(
    "AUT-6",
    fault="the provider refuses a token that by every clock is good, in one turn only after a tool call, in another "
    "when a second program has renewed it by then; then one that refuses every token, for another model too",
    needs=[Capability.TURN, Capability.OAUTH],
    judges=[refused_once_refreshed_once],
)
async def test_token_refused_before_its_time(lab: Lab) -> None:
    """A token that is refused is renewed once, whatever the clock says, and not again and again."""
    lab.fakes.demand_live_token()
    midway = ["ended-midway"] if Capability.TOOLS in lab.target.capabilities else []
    another = ("codex",) if Capability.SIBLINGS in lab.target.capabilities else ()  # with the same credential
    for name in ("ended-early", *midway, RENEWED, "always-refused"):
        lab.plan(name)
        credential = lab.credential(name)
        siblings = another if name == "always-refused" else ()
        setup = Setup(agents=("lane0",), models=("codex",), siblings=siblings, credential=credential)
        lab.prepare(setup, home=f"home-{name}")
        if lab.faulty and name == "ended-early":
            lab.fakes.oauth.end_access(credential.access_token)
        elif name in midway:
            call = lab.target.tool_call(lab.effect(name))
            answers = (Status(401), Text("done")) if lab.faulty else (Text("done"),)
            tool, rest = Match(marker=name, turn_step=0), Match(marker=name, turn_step=1)
            lab.script(Rule(f"{name}-tool", tool, (call,)), Rule(name, rest, answers))
        elif lab.faulty:
            refused = (Status(401, gate=name), Text("done")) if name == RENEWED else (Status(401),)
            lab.script(Rule(name, Match(provider="codex", marker=name), refused))
        if lab.faulty and name == RENEWED:
            await renewed_meanwhile(lab, credential)
        else:
            await (await lab.turn("lane0", actor=name)).finished()
        if lab.refused(name, 401):
            lab.fired(name)


async def renewed_meanwhile(lab: Lab, credential: SeededCredential) -> None:
    """A turn whose token is refused after another program has renewed and stored it."""
    lab.hold(RENEWED)
    run = await lab.turn("lane0", actor=RENEWED)
    await lab.reached(RENEWED, by=[run])
    lab.target.store_credential(lab.site, lab.redeem_elsewhere(credential))
    lab.release(RENEWED)
    await run.finished()


@scenario(
    "AUT-6",
    fault="the token endpoint says of every token that it lasts for 0 seconds",
    needs=[Capability.TURN, Capability.OAUTH, Capability.TOOLS],
    oauth=OAuthSettings(reported_expires_in=0),
    judges=[refused_once_refreshed_once],
)
async def test_token_that_lasts_no_time(lab: Lab) -> None:
    """A turn of several requests refreshes once, although every new token is said to be over at once."""
    lab.plan("0 seconds")
    lab.prepare(Setup(agents=("lane0",), models=("codex",), credential=lab.credential("codex", expired=lab.faulty)))
    call = lab.target.tool_call(lab.effect("lane0"))
    first, second = Match(marker="lane0", turn_step=0), Match(marker="lane0", turn_step=1)
    lab.script(Rule("tool", first, (call,)), Rule("after the tool", second, (Text("done"),)))
    await (await lab.turn("lane0")).finished()
    if lab.granted("codex") and lab.met("after the tool"):
        lab.fired("0 seconds")


@scenario(
    "AUT-6",
    fault="the machine is 14 hours ahead of UTC",
    needs=[Capability.TURN, Capability.OAUTH, Capability.TOOLS],
    judges=[refused_once_refreshed_once],
)
async def test_expiry_far_from_utc(lab: Lab) -> None:
    """A turn of several requests refreshes an expired token once, in whichever time zone it is."""
    lab.plan("far from UTC")
    lab.environment = FAR_EAST if lab.faulty else {}
    lab.prepare(Setup(agents=("lane0",), models=("codex",), credential=lab.credential("codex", expired=True)))
    call = lab.target.tool_call(lab.effect("lane0"))
    lab.script(Rule("tool", Match(marker="lane0", turn_step=0), (call,)), Rule("answer", Match(), (Text("done"),)))
    await (await lab.turn("lane0")).finished()
    if lab.granted("codex") and lab.met("answer"):
        lab.fired("far from UTC")


async def lose_answers(lab: Lab, rounds: Mapping[str, Fault]) -> None:
    """In each round the answer to a refresh is lost in another way; then there are other turns, and one signed in."""
    lab.fakes.demand_live_token()
    for name in lab.rounds(rounds):
        lab.plan(name)
        credential = lab.credential(name, expired=True)
        lab.prepare(Setup(agents=LANES, models=("codex",), credential=credential), home=f"home-{name}")
        if lab.faulty:
            lab.fakes.oauth.set_fault(rounds[name])
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.decided(name, "dropped-after-commit"):
            lab.fired(name)
        await (await lab.turn("lane1", actor=f"{name}{AGAIN}")).finished()
        if name in TWICE:
            await (await lab.turn("lane1", actor=f"{name}-once-more")).finished()
        lab.target.store_credential(lab.site, lab.credential(f"new-{name}"))
        await (await lab.turn("lane2", actor=f"{name}{SIGNED_IN}")).finished()


@scenario(
    "AUT-5",
    fault="the answer to a refresh is dropped, cut, or replaced by a 500 after the commit, and the server would repeat "
    "it; in the last round it is dropped a second time",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=OAuthSettings(policy="idempotent:600"),
    judges=[lost_answer_is_fetched_again],
)
async def test_lost_answer_of_a_forgiving_server(lab: Lab) -> None:
    """A refresh whose answer is lost is asked for once more, where the server repeats its answer, and not again."""
    await lose_answers(lab, LOST | TWICE)


@scenario(
    "AUT-5",
    fault="the answer to a refresh is dropped, cut, or replaced by a 500 after the commit; the server forgives nothing",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=OAuthSettings(policy="strict"),
    judges=[lost_answer_costs_one_sign_in],
)
async def test_lost_answer_of_a_strict_server(lab: Lab) -> None:
    """A refresh whose answer is lost costs one sign-in, where the server takes a second try for theft."""
    await lose_answers(lab, LOST)
