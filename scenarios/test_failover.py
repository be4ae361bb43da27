"""FLO: which failures move a turn on to the next model."""

from __future__ import annotations

import signal

from fakes.script import Altered, Broken, Match, Parts, Reply, Reset, Rule, Stall, Status, StreamError, Text, Truncate
from harness.checkers.failover import (
    CONTENT,
    FAILOVER_ORDER,
    SLOWLY,
    STOPPED,
    falls_over_in_order,
    fatal_stops,
    root_cause_first,
    silent_answer_is_an_answer,
    slow_answer_is_waited_for,
)
from harness.checkers.local_errors import (
    UNREADABLE,
    lack_stays_local,
    local_error_stays_local,
    unreadable_credential_stays_local,
)
from harness.conductor.calls import Family
from harness.lab import Lab
from harness.lab.ports import Lack
from harness.scenario import scenario
from harness.targets.protocol import Capability, Setup
from scenarios.child_work import GRACE
from scenarios.gateway import routed, serving
from scenarios.work import providers, starting_with

RETRYABLE: dict[str, Reply] = {
    "status-429": Status(429, headers=(("retry-after", "0"),)),
    "status-500": Status(500),
    "status-529": Status(529, headers=(("retry-after", "soon"),)),  # neither a number nor a date
    "reset": Reset(),
    "reset-mid-stream": Reset(after_frames=3),
    "truncated": Truncate(after_frames=4),
    "stalled": Stall(),
    "stalled-mid-stream": Stall(after_frames=3),
    "error-mid-stream": StreamError("overloaded_error", after_frames=3),
    "unreadable-408": Broken(answer=Status(408), altered=(Altered(0, "bad-json"),)),  # a proxy's, too
    "unreadable-502": Broken(answer=Status(502), altered=(Altered(0, "bad-json"),)),  # as from a proxy
    "unreadable-522": Broken(answer=Status(522), altered=(Altered(0, "bad-json"),)),  # Cloudflare's own: it timed out
    "empty": Truncate(after_frames=0, terminated=True),  # nothing at all, with a good status
}
# The same of other providers, each of which has words of its own for it.
MIDWAY: dict[str, tuple[str, Reply]] = {
    "error-mid-stream-gemini": ("gemini", StreamError("UNAVAILABLE", after_frames=1)),
    "error-mid-stream-codex": ("codex", StreamError("server_is_overloaded", after_frames=3)),
}
AFTER_A_TOOL = "after-a-tool"
OVERFLOW = "prompt is too long: 250000 tokens > 200000 maximum"
REFUSED = Parts((Text("I cannot help"),), stop="refusal")
REFUSED_SILENTLY = Parts((), stop="refusal")  # Gemini then blocks the prompt, and gives no answer at all
LACKS = {
    "portless": Lack(fault="no port left for a connection", of="port"),
    "descriptorless": Lack(fault="no descriptor left for a connection", of="descriptor"),
}
IDLE = 3.0  # seconds of silence that are a stall: eight times the pause between two frames of a slow answer
FATAL: dict[str, tuple[str, Reply]] = {  # by which of the models, and how
    "bad-request": ("anthropic", Status(400)),
    "bad-request-gemini": ("gemini", Status(400)),
    "bad-request-codex": ("codex", Status(400)),
    "too-large": ("anthropic", Status(413)),
    "context-overflow": ("anthropic", Status(400, message=OVERFLOW)),
    "context-overflow-codex": ("codex", Status(400, "context_length_exceeded")),
    CONTENT: ("anthropic", REFUSED_SILENTLY),
    f"{CONTENT}-gemini": ("gemini", REFUSED),
    f"{CONTENT}-prompt-gemini": ("gemini", REFUSED_SILENTLY),
    f"{CONTENT}-codex": ("codex", REFUSED),
    f"{CONTENT}-silently-codex": ("codex", REFUSED_SILENTLY),  # incomplete, as it was filtered, and without a word
}


@scenario(
    "FLO-1",
    fault="a second run meets the lock of a session whose holder's provider does not answer",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.OAUTH],
    judges=[local_error_stays_local],
)
async def test_lock_error_stays_local(lab: Lab) -> None:
    """A held session lock sends the turn to no other provider and spends no refresh token."""
    credential = lab.credential("codex", expired=True)
    lab.prepare(Setup(agents=("lane0", "lane1"), credential=credential, session_wait_seconds=1.0))
    lab.script(Rule("stalled", Match(marker="holder"), (Text("done", gate="holder"),)))
    lab.hold("holder")
    holder = await lab.turn("lane0" if lab.faulty else "lane1", actor="holder")
    await lab.reached("holder", by=[holder])
    await (await lab.turn("lane0", actor="second")).finished()
    lab.release("holder")
    await holder.finished()
    await (await lab.turn("lane0", actor="after-lock")).finished()


@scenario(
    "FLO-1",
    fault="a folder stands where the credential of the first model is to be read",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.OAUTH],
    judges=[unreadable_credential_stays_local],
)
async def test_unreadable_credential_stays_local(lab: Lab) -> None:
    """A credential that this machine cannot read sends the turn to no other provider."""
    lab.prepare(Setup(agents=("lane0",), models=(UNREADABLE, "anthropic"), credential=lab.credential("codex")))
    fault = "a folder in place of the credentials"
    lab.plan(fault)
    files = [path for path in lab.target.credentials_files(lab.site) if path.exists()] if lab.faulty else []
    for path in files:
        path.rename(path.with_name(f"{path.name}.aside"))
        path.mkdir()
        lab.fired(fault)
    await (await lab.turn("lane0", actor="second")).finished()
    for path in files:
        path.rmdir()
        path.with_name(f"{path.name}.aside").rename(path)
    await (await lab.turn("lane0", actor="after-repair")).finished()


@scenario(
    "FLO-1",
    fault="this machine has no port left for the turn's first connection, and one for every other (connect(2): "
    "EADDRNOTAVAIL); for that of the next turn no descriptor (socket(2): EMFILE)",
    needs=[Capability.TURN, Capability.FAILOVER],
    watch={Family.SOCKET},
    exact=True,
    judges=[lack_stays_local],
)
async def test_no_port_for_a_connection(lab: Lab) -> None:
    """A connection that this machine cannot begin is no failure of the provider, in whose place nobody is asked."""
    lab.prepare(Setup(agents=("lane0",), models=providers(lab), credential=lab.credential("codex")))
    for actor, lack in LACKS.items():
        with lab.lacking(lack):
            await (await lab.turn("lane0", actor=actor)).finished()
    await (await lab.turn("lane0", actor="after-relief")).finished()


@scenario(
    "FLO-2",
    fault="the first provider is overloaded, and broken when it is asked again with a tool's result; the second is "
    "broken by then too, and the third refuses the credential; then all three refuse the gateway, if there is one; a "
    "turn gets SIGTERM while the second of its models does not answer",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.OAUTH],
    judges=[root_cause_first],
)
async def test_every_model_fails(lab: Lab) -> None:
    """When all models fail, the first cause is reported, and every attempt is listed."""
    lab.prepare(Setup(agents=("lane0",), credential=lab.credential("codex")))
    fault = "three different failures"
    lab.plan(fault)
    before = (Status(529), lab.target.tool_call("true")) if Capability.TOOLS in lab.target.capabilities else ()
    if lab.faulty:
        await _terminated_at_the_second_model(lab)
        replies = {
            "anthropic": (*before[:1], Status(500)),
            "gemini": (*before[1:], Status(502)),
            "codex": (Status(403),),
        }
        lab.script(*(Rule(name, Match(provider=name), each) for name, each in replies.items()))
    await (await lab.turn("lane0")).finished()
    if Capability.GATEWAY in lab.target.capabilities:
        gateway = await serving(lab)
        await lab.run(routed(lab, "lane0", "routed"), "routed")
        gateway.signal(signal.SIGTERM)
        await gateway.finished()
    if lab.replied_with_errors() >= 3:
        lab.fired(fault)


async def _terminated_at_the_second_model(lab: Lab) -> None:
    """A turn gets SIGTERM while its second model keeps it waiting; the first one was overloaded."""
    first, second = FAILOVER_ORDER[:2]
    lab.script(
        Rule("moves on", Match(provider=first), (Status(529),)),
        Rule("waits", Match(provider=second), (Stall(gate=STOPPED),)),
    )
    lab.hold(STOPPED)
    run = await lab.turn("lane0", actor=STOPPED)
    await lab.reached(STOPPED, by=[run])
    lab.signal(run, signal.SIGTERM)
    await lab.ends_within(run, GRACE)
    lab.release(STOPPED)
    await run.finished()


async def _overloaded_after_a_tool(lab: Lab, setup: Setup) -> None:
    """A model asks for a tool, and the next one is told of that call: a stranger's, which it has never signed."""
    lab.plan(AFTER_A_TOOL)
    lab.prepare(setup, home=f"home-{AFTER_A_TOOL}")
    tool = Match(provider=setup.models[0], marker=AFTER_A_TOOL, turn_step=0)
    told = Match(provider=setup.models[0], marker=AFTER_A_TOOL, turn_step=1)
    overloaded = [Rule(AFTER_A_TOOL, told, (Status(529),))] if lab.faulty else []
    lab.script(Rule(f"{AFTER_A_TOOL}-call", tool, (lab.target.tool_call("true"),)), *overloaded)
    await (await lab.turn("lane0", actor=AFTER_A_TOOL)).finished()
    if lab.met(AFTER_A_TOOL):
        lab.fired(AFTER_A_TOOL)


@scenario(
    "FLO-3",
    fault="the first provider answers 408, 429, 500, 502, 522 or 529, reports an error in mid-stream, resets the "
    "connection, stalls, breaks off, or says nothing; it is overloaded once a tool has run that its model had asked "
    "for; or it refuses the connection, and the second is overloaded",
    needs=[Capability.TURN, Capability.FAILOVER],
    judges=[falls_over_in_order],
    not_verified=["providers that answer garbage with status 200"],
)
async def test_retryable_failures(lab: Lab) -> None:
    """What another model can make good is handed to the next one, in order, and from there to the one after it."""
    credential = lab.credential("codex")
    able = providers(lab)
    failing = {name: ("anthropic", reply) for name, reply in RETRYABLE.items()} | MIDWAY
    for name in lab.rounds((name for name in failing if failing[name][0] in able), lambda name: failing[name][0]):
        lab.plan(name)
        first, reply = failing[name]
        models = starting_with(first, able)
        setup = Setup(agents=("lane0",), models=models, credential=credential, idle_seconds=1.0)
        lab.prepare(setup, home=f"home-{name}")
        if lab.faulty:
            lab.script(Rule(name, Match(provider=first), (reply,)))
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.asked(name, first):
            lab.fired(name)
    if Capability.TOOLS in lab.target.capabilities:
        await _overloaded_after_a_tool(lab, Setup(agents=("lane0",), models=able, credential=credential))
    lab.plan("refused")
    refusing = ("anthropic",) if lab.faulty else ()
    lab.prepare(Setup(agents=("lane0",), credential=credential, unreachable=refusing), home="home-refused")
    if lab.faulty:
        lab.script(Rule("refused", Match(provider="gemini", marker="refused"), (Status(529),)))
    lab.fired("refused", "the first provider's port is closed")
    await (await lab.turn("lane0", actor="refused")).finished()


@scenario(
    "FLO-3",
    fault="the first provider's answer comes word by word, and takes longer than the provider may be silent; another "
    "one, after a tool's result, has no words",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.TOOLS],
    judges=[slow_answer_is_waited_for, silent_answer_is_an_answer],
    not_verified=[
        "a program whose time for a silent provider cannot be set: what it would take for a stall is unknown"
    ],
)
async def test_answer_that_takes_its_time(lab: Lab) -> None:
    """An answer that goes on coming is no stall, however long it takes, nor is one that ends without a word."""
    for name in ("slow", "silent"):
        lab.plan(f"a {name} answer")
    lab.prepare(Setup(agents=("lane0",), models=providers(lab), credential=lab.credential("codex"), idle_seconds=IDLE))
    words = SLOWLY.split()
    slow = Text(SLOWLY, chunks=len(words), pace=IDLE / len(words) if lab.faulty else 0.0)
    lab.script(
        Rule("slow", Match(marker="slow"), (slow,)),
        Rule("tool", Match(marker="silent", turn_step=0), (lab.target.tool_call("true"),)),
        Rule("silent", Match(marker="silent"), (Parts(()) if lab.faulty else Text("done"),)),
    )
    for name in ("slow", "silent"):
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.met(name):
            lab.fired(f"a {name} answer")


@scenario(
    "FLO-4",
    fault="the first provider refuses the request itself, or its content",
    needs=[Capability.TURN, Capability.FAILOVER],
    judges=[fatal_stops],
)
async def test_fatal_refusals(lab: Lab) -> None:
    """A request that was refused as such is not sent to anybody else."""
    credential = lab.credential("codex")
    able = providers(lab)
    for name in lab.rounds((name for name in FATAL if FATAL[name][0] in able), lambda name: FATAL[name][0]):
        lab.plan(name)
        first, reply = FATAL[name]
        models = starting_with(first, able)
        lab.prepare(Setup(agents=("lane0",), models=models, credential=credential), home=f"home-{name}")
        if lab.faulty:
            lab.script(Rule(name, Match(provider=first), (reply,)))
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.asked(name, first):
            lab.fired(name)
