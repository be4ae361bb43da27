"""Turns, by really running the program against the fakes: what goes to which provider, and what comes back."""

from __future__ import annotations

from dataclasses import replace

from fakes.script import Match, Rule, Stall, Status, Text
from harness.checkers.ask import requests
from harness.events import RequestReceived
from harness.lab import Lab
from harness.outcome import Outcome
from harness.targets.conformance.check import beyond, check, ended, require
from harness.targets.conformance.genuine import reread
from harness.targets.conformance.material import AGENT, models, prepared
from harness.targets.extras import transcripts
from harness.targets.protocol import Capability, Setup

_ASKED = 'say "hi" to $HOME; 100% `done` — ü \\n <b>'
_WHERE = "write the providers' base addresses as site.url (and its paths), and list a vendor's fixed hosts in `names`"


async def _turn(lab: Lab, actor: str, text: str = "hi") -> Outcome:
    return await (await lab.turn(AGENT, text, actor=actor)).finished()


def _requests(lab: Lab, actor: str) -> list[RequestReceived]:
    return [what for _, what in requests(lab.history(), actor)]


@check(Capability.TURN)
async def test_a_turn_is_answered(lab: Lab) -> None:
    """The message reaches the provider that Setup names first, word for word, and the answer comes back as `text`."""
    lab.script(
        Rule("whole", Match(marker="turn", contains=_ASKED), (Text("heard-4711"),)),
        Rule("other words", Match(marker="turn"), (Text("other words"),)),
    )
    prepared(lab)
    outcome = await _turn(lab, "turn", _ASKED)
    asked = _requests(lab, "turn")
    require(asked, f"no provider got the turn's message: {ended(lab, 'turn')}{beyond(lab)}", _WHERE)
    require(
        Capability.FAILOVER not in lab.target.capabilities or asked[0].provider == models(lab.target)[0],
        f"the first request went to {asked[0].provider}; Setup(models={models(lab.target)}) names another one first",
        "write the models in the order of setup.models",
    )
    require(
        "other words" not in {request.rule for request in asked},
        f"the model got other words than the message {_ASKED!r}",
        "give the message as one word of argv: no shell, no formatting, nothing cut",
    )
    require(
        outcome.ok and outcome.exit_status == 0,
        f"the turn was answered, and read says {outcome.kind} “{outcome.message}”: {ended(lab, 'turn')}",
        "let read recognise how the program says that a turn succeeded",
    )
    require(
        "heard-4711" in outcome.text,
        f"the answer heard-4711 is not in text={outcome.text!r}: {ended(lab, 'turn')}",
        "let read give what the model said as `text`",
    )
    reread(lab, "turn", lab.turning(AGENT, _ASKED, actor="turn"))


@check(Capability.TURN)
async def test_a_refused_turn_is_not_ok(lab: Lab) -> None:
    """A turn whose request every provider refuses is not ok."""
    lab.script(Rule("refused", Match(marker="refused"), (Status(400),)))
    prepared(lab)
    outcome = await _turn(lab, "refused")
    require(lab.met("refused"), f"no provider got the turn's message: {ended(lab, 'refused')}{beyond(lab)}", _WHERE)
    require(
        not outcome.ok,
        f"every provider answered 400, and read says ok: {ended(lab, 'refused')}",
        "do not take the exit status 0 for success: look for what the program itself says of the turn",
    )
    require(
        outcome.message or outcome.code,
        f"the failed turn has neither a message nor a code: {ended(lab, 'refused')}",
        "put what the program says into `message`: rules about errors read it",
    )


@check(Capability.TURN)
async def test_an_unreachable_provider_is_not_asked(lab: Lab) -> None:
    """A provider that Setup calls unreachable gets no request, and no turn of it is ok."""
    prepared(lab)
    seconds = await lab.undisturbed(AGENT)
    prepared(lab, "home-2", models=models(lab.target)[-1:], unreachable=models(lab.target)[-1:])
    run = await lab.turn(AGENT, actor="alone")
    gave_up = await lab.ends_within(run, seconds)  # a program may also wait for the network to come back
    asked = _requests(lab, "alone")
    require(
        not asked,
        f"{asked[0].provider if asked else ''} got a request, although Setup(unreachable=...) names it",
        "give such a provider the address harness.targets.protocol.UNREACHABLE",
    )
    require(
        not gave_up or not (await run.finished()).ok,
        f"no provider could be reached, and read says ok: {ended(lab, 'alone')}",
        "let read look for what the program itself says of the turn",
    )


@check(Capability.TURN, Capability.FAILOVER)
async def test_the_next_model_is_asked(lab: Lab) -> None:
    """A provider that is overloaded is left for the next one of Setup, whose answer counts."""
    first, second = models(lab.target)
    lab.script(
        Rule("busy", Match(marker="turn", provider=first), (Status(503),)),
        Rule("free", Match(marker="turn", provider=second), (Text("from-the-second"),)),
    )
    prepared(lab)
    outcome = await _turn(lab, "turn")
    order = list(dict.fromkeys(request.provider for request in _requests(lab, "turn")))
    require(
        order == [first, second],
        f"Setup names {first}, then {second}; asked were {', '.join(order) or 'none'}: {ended(lab, 'turn')}"
        f"{beyond(lab)}",
        "write setup.models as the program's list of fallbacks, in that order; else leave FAILOVER out",
    )
    require(
        outcome.ok and "from-the-second" in outcome.text,
        f"{second} answered, and read says ok={outcome.ok}, text={outcome.text!r}: {ended(lab, 'turn')}",
        "let read take the last answer for the turn's, not the first error",
    )
    named = {attempt.provider for attempt in outcome.attempts or ()}
    require(
        named <= {first, second},
        f"the attempts name {', '.join(sorted(named))}",
        "translate the program's names of providers into those of Setup: anthropic, gemini, codex",
    )


@check(Capability.TURN, Capability.FAILOVER, Capability.SIBLINGS)
async def test_the_sibling_is_asked(lab: Lab) -> None:
    """With `siblings` another model of the provider comes right after its first, and before the next provider."""
    first, second = models(lab.target)
    lab.script(Rule("busy", Match(marker="turn", provider=first), (Status(503),)))
    prepared(lab, siblings=(first,))
    await _turn(lab, "turn")
    order = list(dict.fromkeys((request.provider, request.model) for request in _requests(lab, "turn")))
    require(
        [provider for provider, _ in order] == [first, first, second],
        f"Setup names two models of {first}, then {second}; asked were {order}: {ended(lab, 'turn')}{beyond(lab)}",
        "write another model of a provider in setup.siblings right after its first; else leave SIBLINGS out",
    )


@check(Capability.TURN, Capability.TIMEOUT)
async def test_a_timeout_ends_a_turn(lab: Lab) -> None:
    """A turn whose model is silent ends by its --timeout, and is not ok."""
    prepared(lab)
    seconds = await lab.undisturbed(AGENT)
    lab.script(Rule("silent", Match(marker="silent"), (Stall(),)))
    run = await lab.turn(AGENT, actor="silent", timeout=seconds)
    outcome = await run.finished()
    require(
        not outcome.ok and outcome.exit_status is not None,
        f"a turn with a timeout of {seconds:g} s, whose model was silent, did not end by itself as failed: "
        f"{ended(lab, 'silent')}",
        "hand intent.timeout (seconds) to the program; without such an option leave TIMEOUT out",
    )


@check(Capability.TURN, Capability.SESSIONS)
async def test_a_session_goes_on(lab: Lab) -> None:
    """The second turn of an agent tells its model of the first."""
    prepared(lab)
    await _turn(lab, "first")
    await _turn(lab, "second")
    require(
        lab.told("second", "first"),
        f"the model of the second turn was not told of the first: {ended(lab, 'second')}",
        "let both commands name the same session when intent.session is None; else leave SESSIONS out",
    )


@check(Capability.TURN, Capability.SESSION_NAMES)
async def test_a_session_is_named(lab: Lab) -> None:
    """A turn goes on with the session that it names, which begins with the first turn, and with no other one."""
    prepared(lab)
    for actor, session in (("first", "one"), ("elsewhere", "another"), ("second", "one")):
        outcome = await lab.run(replace(lab.turning(AGENT, actor=actor), session=session), actor)
        require(
            outcome.ok,
            f"no turn in a session of a new name, {session!r}: {ended(lab, actor)}",
            "let the command begin a session that is not there; else leave SESSION_NAMES out",
        )
    require(
        lab.told("second", "first") and not lab.told("elsewhere", "first"),
        f"of two more turns the one in the session of the first was told of it: {lab.told('second', 'first')}; the one "
        f"in another session: {lab.told('elsewhere', 'first')}",
        "name the session as intent.session says; else leave SESSION_NAMES out",
    )


@check(Capability.TURN, Capability.TRANSCRIPTS)
async def test_a_transcript_is_found(lab: Lab) -> None:
    """`transcripts` gives no file before an agent's first turn, and then those that hold it, record by line."""
    lab.prepare(Setup(agents=(AGENT, "quiet"), models=models(lab.target)))
    before = list(transcripts(lab.target, lab.site, AGENT))
    require(not before, f"there are transcripts before the first turn: {before}", "list only files that exist")
    await _turn(lab, "kept")
    found = list(transcripts(lab.target, lab.site, AGENT))
    lines = [line for path in found for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    require(
        found and all(path.is_relative_to(lab.site.home) for path in found),
        f"after a turn the transcripts are {found}: {ended(lab, 'kept')}",
        "give the files below site.home in which the program keeps the agent's session",
    )
    require(
        len(lines) > 1 and any("[[kept]]" in line for line in lines),
        f"{', '.join(path.name for path in found)} does not have the turn's message in one of several lines",
        "give the file that has a record on each line; for another format leave TRANSCRIPTS out",
    )
    others = list(transcripts(lab.target, lab.site, "quiet"))
    require(not others, f"an agent without a turn has the transcripts {others}", "list those of this agent alone")
