"""AUT: several processes share one credential, and some of them lose."""

from __future__ import annotations

import signal
from dataclasses import replace
from functools import partial

from fakes.oauth import OAuthSettings
from fakes.script import Match, Rule, Status, Text
from harness.checkers.auth import (
    NO_TOKEN,
    REVOKED,
    SIGNALLED,
    crash_asks_once,
    everybody_succeeds,
    loser_rereads,
    other_profile_is_usable,
    other_profile_untouched,
    profiles_keep_their_newest,
    renewal_loses_nothing,
    signal_loses_no_token,
    single_flight,
    store_never_goes_back,
)
from harness.checkers.token_server import auth_noise_is_contained
from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall
from harness.conductor.troubles import CRASH
from harness.lab import Lab
from harness.lab.striking import Strike, sweep
from harness.scenario import WATCH_CHANGES, WATCH_CONTENTION, WATCH_ORDER, WATCH_WRITES, scenario
from harness.targets.protocol import Capability, Setup
from scenarios.work import before_asking

LANES = ("lane0", "lane1", "lane2", "lane3")
AGE = 3600.0  # seconds: beyond what anybody takes for the longest refresh
HELD_GRANT = OAuthSettings(gate_before_commit="grant")


@scenario(
    "AUT-1",
    fault="no refresh is answered until all four have asked or can get no further, the last three an hour after the "
    "first, as far as what it has left on the disk can tell",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=HELD_GRANT,
    judges=[single_flight, everybody_succeeds],
)
async def test_one_expired_credential(lab: Lab) -> None:
    """Four runs find one credential expired: it is refreshed once, and all four succeed."""
    credential = lab.credential("codex", expired=True)
    lab.prepare(Setup(agents=LANES, models=("codex",), credential=credential))
    lab.hold("grant")
    runs = [await lab.turn(LANES[0])]
    await lab.reached("grant", by=runs)
    lab.aged(lab.site.home, AGE, but=lab.target.config_file(lab.site))
    runs += [await lab.turn(lane) for lane in (LANES[1:] if lab.faulty else ())]
    await lab.reached("grant", parties=len(runs), by=runs)
    lab.release("grant")
    for run in runs:
        await run.finished()


@scenario(
    "AUT-1",
    fault="three runs' operations on the credentials, and the grants they ask for, take place in a chosen order",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=HELD_GRANT,
    watch=WATCH_ORDER,
    scheduled=True,
    judges=[single_flight, everybody_succeeds],
)
async def test_refreshes_in_any_order(lab: Lab) -> None:
    """Three runs find one credential expired: in whatever order they go on, it is refreshed once, and all succeed."""
    lanes = LANES[:3] if lab.faulty else LANES[:1]
    credential = lab.credential("codex", expired=True)
    lab.prepare(Setup(agents=LANES, models=("codex",), credential=credential))
    fault = "operations on credentials and grants in a chosen order"
    async with lab.scheduled(fault, parties=len(lanes), where=lab.is_credentials, gates=["grant"]):
        await lab.run_all((lane, lab.turning(lane)) for lane in lanes)


@scenario(
    "AUT-2",
    fault="while a refresh is under way, another program refreshes the same token and stores the result",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=OAuthSettings(policy="reject-only", gate_before_commit="grant"),
    judges=[loser_rereads],
)
async def test_lost_refresh_race(lab: Lab) -> None:
    """Whoever loses a refresh race finds the winner's token in the store, uses it, and leaves it there."""
    credential = lab.credential("codex", expired=True)
    lab.prepare(Setup(agents=("lane0",), models=("codex",), credential=credential))
    lab.hold("grant")
    run = await lab.turn("lane0")
    await lab.reached("grant", by=[run])
    if lab.faulty:
        lab.target.store_credential(lab.site, lab.redeem_elsewhere(credential))
    lab.look.credentials("newer installed")
    lab.release("grant")
    await run.finished()
    lab.look.credentials("at the end")


@scenario(
    "AUT-3",
    fault="between a refresh's commit and its answer, another program refreshes twice and stores the newest token",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=OAuthSettings(policy="leeway:600", gate_after_commit="answer"),
    watch=WATCH_WRITES,
    judges=[store_never_goes_back],
)
async def test_answer_that_comes_late(lab: Lab) -> None:
    """A token that arrives late is not put over a newer one."""
    credential = lab.credential("codex", expired=True)
    lab.prepare(Setup(agents=("lane0",), models=("codex",), credential=credential))
    lab.look.credentials("before")
    lab.hold("answer")
    look = partial(lab.look.credentials, "between writes")
    async with lab.onlooker("a reader between the writes of a refresh", where=lambda _: True, look=look):
        run = await lab.turn("lane0")
        await lab.reached("answer", by=[run])
        if lab.faulty:
            lab.target.store_credential(lab.site, lab.redeem_elsewhere(lab.redeem_elsewhere(credential)))
        lab.look.credentials("newest installed")
        lab.release("answer")
        await run.finished()
    lab.look.credentials("at the end")


@scenario(
    "AUT-3",
    fault="while one profile is being refreshed, another program refreshes a second one, in the same file",
    needs=[Capability.TURN, Capability.OAUTH, Capability.PROFILES],
    oauth=HELD_GRANT,
    judges=[store_never_goes_back],
)
async def test_two_profiles_in_one_file(lab: Lab) -> None:
    """Storing one profile's new token takes no other profile back to an older one."""
    main, other = lab.credential("codex", expired=True), lab.credential("other")
    lab.prepare(Setup(agents=("lane0",), models=("codex",), credential=main, other_credential=other))
    lab.look.credentials("before")
    lab.hold("grant")
    run = await lab.turn("lane0")
    await lab.reached("grant", by=[run])
    if lab.faulty:
        lab.target.store_credential(lab.site, lab.redeem_elsewhere(other), "other")
    lab.look.credentials("newer installed")
    lab.release("grant")
    await run.finished()
    lab.look.credentials("at the end")


@scenario(
    "AUT-3",
    fault="the server renews the access token and leaves the refresh token in force, so that its answer has none",
    needs=[Capability.TURN, Capability.OAUTH],
    oauth=OAuthSettings(rotates=False),
    judges=[renewal_loses_nothing],
)
async def test_answer_without_a_refresh_token(lab: Lab) -> None:
    """A renewal whose answer names no refresh token leaves the one in the store, and whose account it is."""
    lab.plan("no refresh token in the answer")
    lab.prepare(Setup(agents=("lane0",), models=("codex",), credential=lab.credential("codex", expired=lab.faulty)))
    lab.look.credentials("before")
    await (await lab.turn("lane0")).finished()
    if lab.granted("codex"):
        lab.fired("no refresh token in the answer")
    lab.look.credentials("at the end")


@scenario(
    "AUT-4",
    fault="a refresh gets SIGTERM as it begins to store the server's answer; others are killed at each of their "
    "operations between the answer and the use of the new token",
    needs=[Capability.TURN, Capability.OAUTH, Capability.PROFILES],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[signal_loses_no_token, crash_asks_once],
)
async def test_killed_refresh(lab: Lab) -> None:
    """A refresh that dies with the new token in hand costs at most one sign-in, asked for clearly; a signal none."""
    before = before_asking(lab)
    if lab.faulty:
        await _signalled_refresh(lab)

    async def refresh(name: str, strike: Strike) -> None:
        main, other = lab.credential(name, expired=True), lab.credential(f"other-{name}")
        setup = Setup(agents=LANES, models=("codex",), credential=main, other_credential=other)
        lab.prepare(setup, home=f"home-{name}")
        lab.look.credentials(f"{name} before")
        async with strike():
            await (await lab.turn("lane0", actor=name)).finished()
        later = {"next": "lane1", "again": "lane2"}  # agents of their own: nobody waits for a session
        turns = [await (await lab.turn(agent, actor=f"{name}-{after}")).finished() for after, agent in later.items()]
        lab.look.credentials(f"{name} after")
        if not turns[-1].ok:
            signed_in = lab.credential(f"new-{name}", expired=True)  # some time ago: it is to be renewed as well
            lab.target.store_credential(lab.site, signed_in)
            await (await lab.turn("lane3", actor=f"{name}-signed-in")).finished()

    def answered(call: StoppedCall) -> bool:
        return before(call) and lab.granted(call.actor)

    what = "refreshes killed between answer and use"
    await sweep(lab, refresh, what=what, faults=CRASH, most=6, where=answered, crucial=lab.is_store)


async def _signalled_refresh(lab: Lab) -> None:
    """A refresh gets SIGTERM with the new token in hand; then there is another turn."""
    credential = lab.credential(SIGNALLED, expired=True)
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("codex",), credential=credential))

    def stores(call: StoppedCall) -> bool:
        return call.actor == SIGNALLED and lab.is_store(call) and lab.granted(SIGNALLED)

    async with lab.kept("a refresh kept as it begins to store its new token", where=stores) as until_kept:
        run = await lab.turn("lane0", actor=SIGNALLED)
        await until_kept(run)
        lab.signal(run, signal.SIGTERM)
    await run.finished()
    await (await lab.turn("lane1", actor=f"{SIGNALLED}-next")).finished()


@scenario(
    "AUT-7",
    fault="while one profile is being refreshed, another program stores a newer token for a second profile; that one "
    "is refreshed by another turn while the first turn's is kept at its write of the store",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.OAUTH, Capability.PROFILES],
    oauth=HELD_GRANT,
    watch=WATCH_CONTENTION,
    judges=[profiles_keep_their_newest],
)
async def test_two_profiles_at_once(lab: Lab) -> None:
    """Refreshing one profile leaves what is stored meanwhile for another, by whomever."""
    main, other = lab.credential("codex", expired=True), lab.credential("other")
    agents, models = ("lane0", "lane1"), ("other", "codex")  # lane1 asks other alone, lane0 falls over to codex
    lab.prepare(Setup(agents=agents, models=models, credential=main, other_credential=other))
    lab.script(
        Rule("overloaded", Match(marker="lane0"), (Status(529), Text("done"))),
        Rule("refused", Match(marker="lane1"), (Status(401), Text("done"))),
    )
    lab.hold("grant")
    runs = [await lab.turn("lane0")]
    await lab.reached("grant", by=runs)

    def writes(call: StoppedCall) -> bool:
        return call.actor == "lane0" and call.kind.family is Family.REPLACE and lab.is_store(call)

    async with lab.kept("a refresh kept at its write of the store", where=writes) as until_kept:
        if lab.faulty:
            lab.target.store_credential(lab.site, lab.redeem_elsewhere(other), "other")
        lab.release("grant")
        await until_kept(runs[0])
        if lab.faulty:
            runs.append(await lab.turn("lane1"))
            await lab.stuck(runs[1])
    for run in runs:
        await run.finished()
    lab.look.credentials("at the end")


@scenario(
    "AUT-7",
    fault="the authorization server refuses one profile's refresh token for good; then what stands in the store "
    "for that profile is no token",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.OAUTH, Capability.PROFILES],
    judges=[other_profile_untouched, other_profile_is_usable],
)
async def test_revoked_profile(lab: Lab) -> None:
    """A profile whose token was revoked, or is none, takes no other profile down with it."""
    main, other = lab.credential("codex", expired=True), lab.credential("other")
    models = ("codex", "other", "anthropic")
    lab.prepare(Setup(agents=("lane0",), models=models, credential=main, other_credential=other))
    lab.look.credentials("before")
    lab.plan("family revoked")
    if lab.faulty:
        lab.fakes.oauth.revoke(main.refresh_token)
    await (await lab.turn("lane0", actor=REVOKED)).finished()
    if lab.refused_grants():
        lab.fired("family revoked")
    lab.look.credentials("at the end")
    if lab.faulty:
        none = replace(main, access_token="no token", refresh_token="no token")
        lab.prepare(
            Setup(agents=("lane0",), models=models[1:], credential=none, other_credential=other), home="home-none"
        )
        await (await lab.turn("lane0", actor=NO_TOKEN)).finished()


@scenario(
    "AUT-8",
    fault="one turn meets a held session, another providers that are overloaded; the last one's credential is revoked",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.OAUTH],
    judges=[auth_noise_is_contained],
)
async def test_revoked_fallback(lab: Lab) -> None:
    """A fallback's dead credential is not what is reported when something else was wrong first."""
    credential = lab.credential("codex", expired=True)
    lab.prepare(Setup(agents=("lane0", "lane1"), credential=credential, session_wait_seconds=1.0))
    providers = ("anthropic", "gemini")
    overloaded = [Rule(name, Match(provider=name, marker="overloaded"), (Status(529),)) for name in providers]
    stalled = Rule("stalled", Match(marker="holder"), (Text("done", gate="holder"),))
    lab.script(stalled, *(overloaded if lab.faulty else []))
    lab.plan("credential revoked")
    if lab.faulty:
        lab.fakes.oauth.revoke(credential.refresh_token)
    lab.hold("holder")
    holder = await lab.turn("lane0", actor="holder")
    await lab.reached("holder", by=[holder])
    await (await lab.turn("lane0" if lab.faulty else "lane1", actor="second")).finished()
    lab.release("holder")
    await holder.finished()
    await (await lab.turn("lane1", actor="overloaded")).finished()
    if lab.refused_grants() or (lab.met("anthropic") and not lab.met("gemini")):  # who asks no fallback makes no noise
        lab.fired("credential revoked")
