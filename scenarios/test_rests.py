"""FLO-5, FLO-6: a provider that asks to be left alone is, for as long as it asks, and nobody else is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from fakes.script import Match, Reply, Reset, Rule, Stall, Status, StreamError, Text
from harness.checkers.failover import FAILOVER_ORDER
from harness.checkers.rests import (
    ACCOUNT,
    AFTERWARDS,
    BRIEF_REST,
    BRIEFLY,
    RESTED,
    RESTING,
    SET_BACK,
    bounded,
    only_the_failed_rests,
)
from harness.checkers.siblings import sibling_does_not_rest
from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall
from harness.lab import Lab
from harness.scenario import WATCH_CONTENTION, scenario
from harness.targets.protocol import Capability, Setup
from scenarios.work import FAR_EAST, providers

REST = 1  # seconds for which a model asks to be left alone
DAY = 86400  # seconds
DAYS, LATER = 20, 8  # for which a model asks to be left alone, as of a month's quota, and how many are over then
AHEAD = 3600  # seconds by which a clock was ahead: an hour, as where summer time, or UTC, was taken for local time
FOR_LONG = Status(429, headers=(("retry-after", f"{DAYS * DAY + 3600}"),))
BRIEF = "briefly"
FOR_A_SECOND = Status(429, headers=(("retry-after", "1"),), gate=BRIEF)
BROKEN: dict[str, Reply] = {"anthropic": Status(500), "gemini": Reset(), "codex": Stall()}
IN_AN_HOUR = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
OVERLOADED: dict[str, Reply] = {  # once a stream has begun there is no retry-after left but words
    "anthropic": Status(529, headers=(("retry-after", "60"),)),
    "gemini": Status(BRIEFLY[1], headers=(("retry-after", f"{BRIEF_REST:g}"),)),
    "codex": StreamError("rate_limit_exceeded", "Rate limit reached for this model. Please try again in 60s."),
}
USED_UP: dict[str, Reply] = {  # retry-after is a number of seconds or a date (RFC 9110); the others say it in the body
    "anthropic": Status(529, headers=(("retry-after", IN_AN_HOUR),)),
    "gemini": Status(429),
    "codex": Status(429, "usage_limit_reached"),
}


@scenario(
    "FLO-5",
    fault="every provider fails, each in another way; then, far east of Greenwich, every one is overloaded and asks "
    "for a rest, in seconds, in words within a stream or until a date, and once more in its own words, the last of "
    "them for the whole account",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.OAUTH],
    judges=[bounded],
)
async def test_no_retry_storm(lab: Lab) -> None:
    """Overloaded providers are asked once a model, and then left alone for as long as they said."""
    credential = lab.credential("codex")
    lab.prepare(Setup(agents=("lane0",), credential=credential, idle_seconds=0.5), home="home-broken")
    if lab.faulty:
        lab.script(*(Rule(name, Match(provider=name), (reply,)) for name, reply in BROKEN.items()))
    await (await lab.turn("lane0", actor="broken")).finished()
    lab.environment = FAR_EAST if lab.faulty else {}  # dates are in GMT
    siblings = ("codex",) if Capability.SIBLINGS in lab.target.capabilities else ()  # of the account that is used up
    for home, replies in {"overload": OVERLOADED, ACCOUNT: USED_UP}.items():
        twice = siblings if home == ACCOUNT else ()
        lab.prepare(Setup(agents=("lane0",), credential=credential, siblings=twice), home=home)
        fault = f"all providers rest: {home}"
        lab.plan(fault)
        if lab.faulty:
            lab.script(*(Rule(f"{home}-{name}", Match(provider=name), (reply,)) for name, reply in replies.items()))
        await (await lab.turn("lane0", actor=f"first-{home}")).finished()
        if any(lab.met(f"{home}-{name}") for name in replies):
            lab.fired(fault)
        await (await lab.turn("lane0", actor=f"after-{home}")).finished()


@scenario(
    "FLO-5",
    fault=f"two models ask two turns for a rest of {DAYS} days and an hour at once: what the first turn puts in its "
    "place then is kept from there until the second gets no further; the turn after them comes when "
    f"{LATER} days are over",
    needs=[Capability.TURN, Capability.FAILOVER],
    watch=WATCH_CONTENTION,
    exact=True,
    judges=[bounded],
)
async def test_two_rests_at_once(lab: Lab) -> None:
    """Of two models that ask for a rest at the same time each gets its own, to its end."""
    able = providers(lab)
    lab.prepare(Setup(agents=("lane0", "lane1", "lane2"), models=able, credential=lab.credential("codex")))
    first, second = able[:2]
    if lab.faulty:
        lab.script(
            Rule("rests", Match(provider=first, marker="first"), (FOR_LONG,)),
            Rule("broken", Match(provider=first, marker="second"), (Status(500),)),
            Rule("rests-too", Match(provider=second, marker="second"), (FOR_LONG,)),
        )

    def notes_it(call: StoppedCall) -> bool:
        return call.kind.family is Family.REPLACE and lab.is_state(call) and lab.asked(call.actor, first)

    async with lab.kept("a turn kept at what it writes of a rest", where=notes_it) as until_kept:
        one = await lab.turn("lane0", actor="first")
        await until_kept(one)
        other = await lab.turn("lane1", actor="second")
        await lab.stuck(other)
    await one.finished()
    await other.finished()
    lab.aged(lab.site.home, LATER * DAY, but=lab.target.config_file(lab.site), every=True)
    await (await lab.turn("lane2", actor="after")).finished()


@scenario(
    "FLO-5",
    fault="a model that two turns ask at the same time answers one of them that it is to be left alone for "
    f"{DAYS} days and an hour, then the other for a second; the turn after them comes when {LATER} days are over",
    needs=[Capability.TURN, Capability.FAILOVER],
    judges=[bounded],
)
async def test_short_rest_after_a_long_one(lab: Lab) -> None:
    """A short rest does not end a long one that the same model had asked for before."""
    able = providers(lab)
    lab.prepare(Setup(agents=("lane0", "lane1", "lane2"), models=able, credential=lab.credential("codex")))
    if lab.faulty:
        lab.script(
            Rule("rests", Match(provider=able[0], marker="first"), (FOR_LONG,)),
            Rule("briefly", Match(provider=able[0], marker="second"), (FOR_A_SECOND,)),
        )
    lab.hold(BRIEF)
    other = await lab.turn("lane1", actor="second")
    await lab.reached(BRIEF, by=[other])
    await (await lab.turn("lane0", actor="first")).finished()
    lab.release(BRIEF)
    await other.finished()
    lab.aged(lab.site.home, LATER * DAY, but=lab.target.config_file(lab.site), every=True)
    await (await lab.turn("lane2", actor="after")).finished()


@scenario(
    "FLO-6",
    fault="the first model is overloaded in one turn, in another its connection breaks, in two more it asks for "
    "a rest of a second, which passes; after one of these a clock that was an hour ahead is set back",
    needs=[Capability.TURN, Capability.FAILOVER],
    judges=[only_the_failed_rests],
)
async def test_turns_after_a_failover(lab: Lab) -> None:
    """A failover is over with its turn, and a cooldown concerns only the model that asked for it, and ends."""
    credential = lab.credential("codex")
    briefly = Status(429, headers=(("retry-after-ms", f"{1000 * REST}"), ("retry-after", str(REST))))
    failures: dict[str, Reply] = {"overloaded": Status(529), "broken": Reset(), RESTING: briefly, SET_BACK: briefly}
    for name in lab.rounds(failures):
        lab.plan(name)
        setup = Setup(agents=("lane0", "lane1"), models=FAILOVER_ORDER, credential=credential)
        lab.prepare(setup, home=f"home-{name}")
        if lab.faulty:
            lab.script(Rule(name, Match(provider=FAILOVER_ORDER[0], marker=name), (failures[name],)))
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.met(name):
            lab.fired(name)
        if name == SET_BACK:
            lab.aged(lab.site.home, -AHEAD, but=lab.target.config_file(lab.site), every=True)
        else:
            for agent, role in zip(("lane0", "lane1"), AFTERWARDS, strict=True):
                await (await lab.turn(agent, actor=f"{name}{role}")).finished()
        if name in (RESTING, SET_BACK) and lab.faulty:
            await asyncio.sleep(REST)  # by then it has rested: a time is all that there is to wait for
            await (await lab.turn("lane0", actor=f"{name}{RESTED}")).finished()


@scenario(
    "FLO-6",
    fault="the first of two models of one provider asks for a minute's rest",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.SIBLINGS],
    judges=[sibling_does_not_rest],
)
async def test_sibling_of_a_resting_model(lab: Lab) -> None:
    """While one model of a provider rests, the other one is asked."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic", "gemini"), siblings=("anthropic",)))
    fault = "a model rests"
    lab.plan(fault)
    resting = (Status(429, headers=(("retry-after", "60"),)), Text("done"))
    if lab.faulty:
        lab.script(Rule("resting", Match(provider="anthropic"), resting))
    for turn in ("first", "next"):
        await (await lab.turn("lane0", actor=turn)).finished()
    if lab.met("resting"):
        lab.fired(fault)


@scenario(
    "FLO-6",
    fault="of two accounts at one provider the first is used up",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.OAUTH, Capability.PROFILES],
    judges=[sibling_does_not_rest],
)
async def test_second_account_of_a_used_up_one(lab: Lab) -> None:
    """While one account rests, a model is asked with the other."""
    credentials = lab.credential("codex"), lab.credential("other")
    models = ("codex", "other", "anthropic")
    lab.prepare(Setup(agents=("lane0",), models=models, credential=credentials[0], other_credential=credentials[1]))
    fault = "an account used up"
    lab.plan(fault)
    if lab.faulty:
        used_up = Status(429, "usage_limit_reached", headers=(("retry-after", "60"),))
        lab.script(Rule("used-up", Match(provider="codex"), (used_up, Text("done"))))
    await (await lab.turn("lane0", actor="first")).finished()
    if lab.met("used-up"):
        lab.fired(fault)
