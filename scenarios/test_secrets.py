"""AUT-9: keys and tokens stay where a person has put them, and are shown to nobody else."""

from __future__ import annotations

import signal

from fakes.oauth import Fault, OAuthSettings
from fakes.script import Match, Rule, Status, Text
from harness.checkers.auth import closed_config_stays_closed, keys_stay_in, secrets_stay_in
from harness.lab import Lab
from harness.lab.elsewhere import PATHS, TOKENS, elsewhere
from harness.scenario import WATCH_WRITES, scenario
from harness.targets.protocol import Capability, CheckUp, Intent, ListAgents, ListRuns, Setup
from scenarios.gateway import routed, serving
from scenarios.work import providers

REFUSED = "a key refused and repeated"
# As OpenAI says it, which shows the ends of the key; of compatible servers there are some that show the whole. Here it
# comes over and over: wherever a program cuts that off, it cuts a key, and in one of the two behind its middle.
WRONG = "Incorrect API key provided: " + "{key} " * 60
WRONG_THERE = "Incorrect API key provided:" + 38 * "." + "{key} " * 60


@scenario(
    "AUT-9",
    fault="providers refuse API keys and repeat them, over and over, in what they say and in the code of the error, "
    "with another model to fall back to and without, here and through a gateway; a model asks for the environment of "
    "its tools; the config is damaged behind a key",
    needs=[Capability.TURN, Capability.KEYS],
    judges=[keys_stay_in],
    not_verified=["keys that the program finds in its environment"],
)
async def test_keys_that_are_refused(lab: Lab) -> None:
    """An API key is for its provider alone: no answer, error, list, log, transcript, command line or other has it."""
    lab.plan(REFUSED)
    models = tuple(provider for provider in providers(lab) if provider != "codex")
    for other in models[1:]:  # each key is its provider's own
        lab.prepare(Setup(agents=("lane0",), models=(other,)), home=f"home-{other}")
        await (await lab.turn("lane0", actor=f"shown-{other}")).finished()
    lab.prepare(Setup(agents=("lane0",), models=models, grace_seconds=0.5))
    lab.script(*_rules(lab, models))
    for name in ("shown", "fallen")[: len(models)]:
        await (await lab.turn("lane0", actor=name)).finished()
    lab.look.keys_kept()
    await (await lab.turn("lane0", actor="environment")).finished()
    for name in ("replaced", "refused"):
        lab.hold(name)
        run = await lab.turn("lane0", actor=name)
        await lab.reached(name, by=[run])
        lab.look.command_lines()
        lab.release(name)
        await run.finished()
    await _lists(lab)
    if Capability.GATEWAY in lab.target.capabilities:
        gateway = await serving(lab)
        await lab.run(routed(lab, "lane0", "refused-there"), "refused-there")
        gateway.signal(signal.SIGTERM)
        await gateway.finished()
    if lab.faulty:
        await _damaged(lab)
    lab.look.keys()
    lab.look.keys_astray()
    if lab.met("refused") and lab.api_keys():
        lab.fired(REFUSED)


def _rules(lab: Lab, models: tuple[str, ...]) -> list[Rule]:
    """The first model fails once without a word about its key; from then on it, or each of them, refuses its own."""
    if not lab.faulty:
        return [Rule(name, Match(marker=name), (Text("done", gate=name),)) for name in ("replaced", "refused")]
    first, *others = models
    rules = [Rule("fallen", Match(marker="fallen", provider=first), (Status(500),))]
    if Capability.TOOLS in lab.target.capabilities:
        env = lab.target.tool_call("env")
        rules.append(Rule("environment", Match(marker="environment", turn_step=0), (env,)))
    once = Status(401, message=WRONG, repeats_key=True, gate="replaced")
    rules.append(Rule("replaced", Match(marker="replaced", provider=first), (once,)))
    for name in ("refused", "refused-there"):
        here = name == "refused"
        refusal = Status(
            401,
            error="no_key_{key}" if here else "",
            message=WRONG if here else WRONG_THERE,
            repeats_key=True,
            gate="refused" if here else None,
        )
        rules.append(Rule(name, Match(marker=name, provider=first), (refusal,)))
        for other in others:  # as Gemini says it
            invalid = Status(400, message="API key not valid: ", repeats_key=True)
            rules.append(Rule(f"{name}-{other}", Match(marker=name, provider=other), (invalid,)))
    return rules


async def _damaged(lab: Lab) -> None:
    """The config goes wrong behind the first key that stands in it."""
    config = lab.target.config_file(lab.site)
    text = config.read_text(encoding="utf-8")
    first = min((key for key in lab.api_keys() if key in text), key=text.index, default="")
    if first and Capability.ADD_AGENTS in lab.target.capabilities:
        config.write_text(text.replace(f'{first}"', first), encoding="utf-8")
        await lab.run(ListAgents(), "damaged")


async def _lists(lab: Lab) -> None:
    """All that the target says of what has been."""
    asked: dict[Capability, Intent] = {
        Capability.ADD_AGENTS: ListAgents(), Capability.RUNS: ListRuns(everything=True), Capability.CHECK_UP: CheckUp()
    }  # fmt: skip
    for capability, intent in asked.items():
        if capability in lab.target.capabilities:
            await lab.run(intent, intent.verb.replace(" ", "-"))


@scenario(
    "AUT-9",
    fault="a provider, or its token endpoint, answers that what it was asked is to be had elsewhere (307), at another "
    "server",
    needs=[Capability.TURN],
    judges=[keys_stay_in],
    not_verified=["redirects by TLS"],
)
async def test_keys_when_a_provider_redirects(lab: Lab) -> None:
    """The key or the token of a provider is not shown to another server, where the provider's answer leads to one."""
    credential = lab.credential("codex")
    for name in lab.rounds(providers(lab)):
        lab.plan(f"{name} redirects")
        lab.prepare(Setup(agents=("lane0",), models=(name,), credential=credential), home=f"home-{name}")
        async with elsewhere() as other:
            leads = Status(307, headers=(("location", f"{other.url}{PATHS[name]}"),))
            lab.script(*([Rule(name, Match(provider=name), (leads,))] if lab.faulty else []))
            await (await lab.turn("lane0", actor=name)).finished()
            lab.look.keys_elsewhere(other, name)
        if lab.met(name):
            lab.fired(f"{name} redirects")
    if Capability.OAUTH in lab.target.capabilities:
        await _token_endpoint_redirects(lab)


async def _token_endpoint_redirects(lab: Lab) -> None:
    """A turn has to renew its credential where a token endpoint leads to another one."""
    lab.plan("the token endpoint redirects")
    lab.prepare(Setup(agents=("lane0",), models=("codex",), credential=lab.credential("renewed", expired=True)))
    async with elsewhere() as other:
        if lab.faulty:
            leads = f"{other.url}{TOKENS}"
            lab.fakes.oauth.set_fault(Fault(kind="error-before-commit", status=307, location=leads))
        await (await lab.turn("lane0", actor="renewed")).finished()
        lab.look.keys_elsewhere(other, "the token endpoint")
    if lab.decided("renewed", "error-before-commit"):
        lab.fired("the token endpoint redirects")


@scenario(
    "AUT-9",
    fault="the config, which may hold keys, is closed to all but its owner before an add, and a reader looks for keys "
    "before every file operation",
    needs=[Capability.ADD_AGENTS, Capability.TURN],  # without turns it needs no keys
    watch=WATCH_WRITES,
    judges=[closed_config_stays_closed],
)
async def test_config_stays_closed(lab: Lab) -> None:
    """A config that its owner has closed to others is not opened to them by being written, nor is a copy of it."""
    lab.plan("the config closed")
    lab.prepare(Setup(agents=("lane0",)))
    await (await lab.turn("lane0")).finished()  # which shows the key
    if lab.faulty:
        lab.target.config_file(lab.site).chmod(0o600)
        lab.fired("the config closed")
    lab.look.config()
    lab.look.keys_open()
    look = lab.look.keys_opened if lab.faulty else lab.look.config
    async with lab.onlooker("a reader between the writes of an add", where=lambda _: True, look=look):
        await lab.add("lane1", "lane2")
    look()
    lab.look.config()


@scenario(
    "AUT-9",
    fault="a reader looks at the credentials before every file operation of a refresh, one of which is refused by a "
    "server that repeats the token, or of whose new token the provider will not hear, and at the command lines of all "
    "processes while tokens are sent; a model asks for the environment of its tools",
    needs=[Capability.TURN, Capability.OAUTH],
    watch=WATCH_WRITES,
    oauth=OAuthSettings(
        fault=Fault(kind="error-before-commit", status=401, repeats_token=True), gate_before_commit="grant"
    ),
    judges=[secrets_stay_in],
)
async def test_secrets_during_a_refresh(lab: Lab) -> None:
    """While credentials are refreshed, no reader sees them torn or open to others, and nothing shows them."""
    fault = "a reader between the writes of a refresh"
    rules = [Rule("unheard", Match(provider="codex", marker="unheard"), (Status(401),))]
    if lab.faulty and Capability.TOOLS in lab.target.capabilities:
        rules.append(Rule("environment", Match(marker="granted", turn_step=0), (lab.target.tool_call("env"),)))
    lab.script(*rules, Rule("granted", Match(marker="granted"), (Text("done", gate="granted"),)))
    sent_at = {"refused": "grant", "granted": "granted"}  # where a refresh token waits, and where an access token does
    for gate in sent_at.values():
        lab.hold(gate)

    def look() -> None:
        lab.look.credentials("between writes")
        lab.look.exposed()

    for name in ("refused", "granted", "unheard"):
        credential = lab.credential(name, expired=lab.faulty)
        lab.prepare(Setup(agents=("lane0",), models=("codex",), credential=credential), home=f"home-{name}")
        async with lab.onlooker(fault, where=lambda _: True, look=look):
            run = await lab.turn("lane0", actor=name)
            if (at := sent_at.get(name)) is not None:
                await lab.reached(at, by=[run])
                lab.look.command_lines()
                lab.release(at)
            await run.finished()
        lab.look.credentials("at the end")
        lab.look.secrets()
