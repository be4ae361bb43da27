"""OPS and RES: what the person or program at the command line is told, whatever happens."""

from __future__ import annotations

import math
import os
import signal

from fakes.oauth import OAuthSettings
from fakes.script import Match, Rule, Stall, Status, Text
from harness.checkers.bad_input import BEGINNING, LARGE, bad_input_is_refused
from harness.checkers.locks import queue_or_refuse_is_said
from harness.checkers.messages import ANSWER
from harness.checkers.operator import (
    DEADLINE_SLACK,
    UNREAD,
    UNWRITTEN,
    deadline_holds,
    never_hangs,
    one_json_document,
)
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor, Streams
from harness.scenario import scenario
from harness.targets.protocol import AddAgent, CancelRun, Capability, DeleteAgent, Intent, ListAgents, Raw, Setup, Turn
from scenarios.child_work import tool_then_text
from scenarios.gateway import routed, serving
from scenarios.work import providers

HANGS = "several kinds of hang"
LONG_GRACE = 3.5  # seconds: longer than programs give child work by themselves
LARGE_BYTES = 120_000  # as much as one argument of a command can be (execve(2): 128 KiB)
BAD_NAMES = (
    "",
    "../up",
    "a/b",
    "with space",
    "new\nline",
    "line\n",
    "-dash",
    "x" * 300,
    "ünïcode",
    "nul\u2400",
    "..",
)


@scenario(
    "OPS-2",
    fault="commands succeed, fail at the provider or fall over, are cancelled in a gateway, meet unknown agents and "
    "options, a full disk for their output and a held session, run out of time, and are terminated, one of them with a "
    f"tool that uses up a grace period of {LONG_GRACE:g} s",
    needs=[Capability.ADD_AGENTS, Capability.TURN, Capability.AGENT_NAMES],
    judges=[one_json_document],
)
async def test_every_kind_of_end(lab: Lab) -> None:
    """Standard output holds one JSON document, whichever way a command ends."""
    has = lab.target.capabilities
    models = ("anthropic", "gemini") if Capability.FAILOVER in has else ("anthropic",)
    agents = ("lane0", "stubborn")
    lab.prepare(Setup(agents=agents, models=models, session_wait_seconds=1.0, grace_seconds=LONG_GRACE))
    failing = [Rule("fails", Match(marker="fails"), (Status(400),))] if lab.faulty else []
    failing += [Rule("moves", Match(marker="moves", provider="anthropic"), (Status(529),))] if lab.faulty else []
    held = (Rule(name, Match(marker=name), (Text("done", gate=name),)) for name in ("term", "routed"))
    lab.script(*failing, *held, *tool_then_text(lab, "stubborn", lab.build("stubborn", "--ignore-term")))
    meanwhile = [await _terminated_in_mid_build(lab, "stubborn")] if lab.faulty and Capability.TOOLS in has else []
    await lab.add("lane1")
    await lab.run(ListAgents(), "list")
    await (await lab.turn("lane0", actor="succeeds")).finished()
    await (await lab.turn("lane0", actor="fails")).finished()
    lab.plan("commands that fail")
    if lab.faulty:
        await (await lab.turn("nobody", actor="unknown-agent")).finished()
        await lab.run(lab.adding("lane0"), "conflict")
        await lab.run(Raw(words=("agents", "add", "--no-such-option", "--json")), "unknown-option")
        await lab.run(Raw(words=("no-such-command", "--json")), "unknown-command")
        await lab.run(ListAgents(), f"{UNWRITTEN}-list", streams=Streams(stdout="/dev/full"))
        if Capability.FAILOVER in has:
            await (await lab.turn("lane0", actor="moves")).finished()
        if {Capability.GATEWAY, Capability.RUNS, Capability.CANCEL} <= has:
            await _cancelled_in_the_gateway(lab)
        lab.fired("commands that fail")
    lab.hold("term")
    victim = await lab.turn("lane0", actor="term")
    await lab.reached("term", by=[victim])
    if lab.faulty and Capability.SESSIONS in has:
        await (await lab.turn("lane0", actor="waits")).finished()
    if lab.faulty and Capability.TIMEOUT in has:
        await (await lab.turn("lane1", "[[term]] hi", actor="late", timeout=2.0)).finished()
    lab.signal(victim, signal.SIGTERM)
    for ended in (victim, *meanwhile):
        await lab.ends_within(ended, 15)
    if lab.faulty and Capability.DELETE_AGENTS in has:
        await lab.run(DeleteAgent(name="lane1"), "delete")


async def _terminated_in_mid_build(lab: Lab, agent: str) -> Actor:
    """A run gets SIGTERM while its build goes on; it is not waited for."""
    run = await lab.turn(agent)
    if await lab.look.beat(agent, within=lab.target.patience, by=run):
        lab.signal(run, signal.SIGTERM)
    return run


async def _cancelled_in_the_gateway(lab: Lab) -> None:
    """A turn that a gateway has is listed, and cancelled by its id."""
    gateway = await serving(lab)
    lab.hold("routed")
    run = await lab.start(routed(lab, "lane0", "routed"), "routed")
    await lab.reached("routed", by=[run, gateway])
    for row in await lab.list_runs("list-runs"):
        if row.agent == "lane0":
            await lab.run(CancelRun(id=row.id), "cancel")
    await run.finished()
    gateway.signal(signal.SIGTERM)
    await gateway.finished()


@scenario(
    "OPS-3",
    fault="the provider says nothing, stops in mid-stream, asks for one tool after the other, the tool ignores "
    "SIGTERM, another run has the session, or nobody answers the refresh of the credential",
    needs=[Capability.TURN, Capability.TIMEOUT, Capability.TOOLS],
    oauth=OAuthSettings(gate_before_commit="grant"),
    judges=[deadline_holds],
)
async def test_deadline_whatever_hangs(lab: Lab) -> None:
    """A turn ends at its --timeout, whatever it waits for."""
    names = ("silent", "mid-stream", "tool", "steps")
    _, *others = providers(lab)
    credential = lab.credential("codex")
    for other in others:
        lab.prepare(Setup(agents=("mid-stream",), models=(other,), credential=credential), home=other)
    if "codex" in others:
        expired = lab.credential("expired", expired=True)
        lab.prepare(Setup(agents=("refresh",), models=("codex",), credential=expired), home="refresh")
    lab.prepare(Setup(agents=(*names, "held"), grace_seconds=0.5, session_wait_seconds=lab.patience))
    timeout = await lab.undisturbed("silent")
    lab.patience = min(lab.patience, timeout + 3 * DEADLINE_SLACK)
    lab.plan(HANGS)
    if lab.faulty:
        tool = lab.target.tool_call(lab.build("stubborn", "--ignore-term"))
        step = lab.target.tool_call(f"sleep {timeout / 3:.1f}")  # no step takes the time-out, and many take far more
        lab.script(
            Rule("silent", Match(marker="silent"), (Stall(),)),
            Rule("mid-stream", Match(marker="mid-stream"), (Stall(after_frames=4),)),
            *(Rule(other, Match(marker=f"mid-stream-{other}"), (Stall(after_frames=1),)) for other in others),
            Rule("tool", Match(marker="tool", turn_step=0), (tool,)),
            Rule("steps", Match(marker="steps"), (step,)),
            Rule("holder", Match(marker="holder"), (Text("done", gate="holder"),)),
        )
    for gate in ("holder", "grant"):
        lab.hold(gate)
    bound = timeout if lab.faulty else None
    runs = [await lab.turn(name, timeout=bound) for name in names]
    for other in others:
        with lab.at_home(lab.site.root / other):
            runs.append(await lab.turn("mid-stream", actor=f"mid-stream-{other}", timeout=bound))
    if "codex" in others:
        with lab.at_home(lab.site.root / "refresh"):
            runs.append(await lab.turn("refresh", timeout=bound))
        await lab.reached("grant", by=runs[-1:])
    if lab.faulty and Capability.SESSIONS in lab.target.capabilities:
        holder = await lab.turn("held", actor="holder")
        await lab.reached("holder", by=[holder])
        await (await lab.turn("held", actor="second", timeout=timeout)).finished()
        lab.release("holder")
        await holder.finished()
    for run in runs:
        await run.finished()
    lab.release("grant")
    if all(lab.asked(name, "anthropic") for name in names):
        lab.fired(HANGS)


@scenario(
    "OPS-4",
    fault="the session is held by a run whose provider does not answer, until a second run gets no further",
    needs=[Capability.TURN, Capability.SESSIONS],
    judges=[queue_or_refuse_is_said],
)
async def test_what_a_second_run_says(lab: Lab) -> None:
    """Whoever starts a second run of a busy session is told whether it waits or is refused."""
    lab.prepare(Setup(agents=("lane0", "lane1")))
    lab.script(Rule("stalled", Match(marker="holder"), (Text(f"[[{ANSWER}holder]] done", gate="holder"),)))
    lab.hold("holder")
    holder = await lab.turn("lane0", actor="holder")
    await lab.reached("holder", by=[holder])
    second = await lab.turn("lane0" if lab.faulty else "lane1", actor="second")
    await lab.settled(second)
    if lab.faulty:
        lab.look.said(second)
    lab.release("holder")
    await holder.finished()
    await second.finished()


@scenario(
    "OPS-5",
    fault="standard input is closed or never says anything, to a tool neither; standard output or error is closed, "
    "or a pipe that nobody reads any more",
    needs=[Capability.ADD_AGENTS, Capability.TURN],
    judges=[never_hangs],
)
async def test_without_a_terminal(lab: Lab) -> None:
    """No command hangs, crashes or damages its state for want of a stream; nor does what a model has it run."""
    lab.prepare(Setup(agents=("lane0",)))
    lab.patience /= 3  # none of these commands has anything to wait for
    if lab.faulty and Capability.TOOLS in lab.target.capabilities:
        lab.script(Rule("asks", Match(turn_step=0), (lab.target.tool_call("cat"),)))  # as any program with a question
    lab.plan("streams missing")
    silent = lab.site.root / "silent"
    os.mkfifo(silent)
    holding = os.open(silent, os.O_RDWR)  # so that the pipe never ends
    ways = {
        "without-stdin": Streams(stdin="closed"),
        "without-an-answer": Streams(stdin=str(silent)),
        "without-stderr": Streams(stderr="closed"),
        "unseen-stdout": Streams(stdout="closed"),
        "unseen-all": Streams(stdin="closed", stdout="closed", stderr="closed"),
    }
    if lab.faulty:
        for intent in (lab.adding("unread"), ListAgents(), Turn(agent="lane0", message="[[unread]] hi")):
            await _unread(lab, intent)
    try:
        for way, streams in (ways if lab.faulty else {"without-anything-special": Streams()}).items():
            await lab.run(lab.adding(f"new-{way}"), f"{way}-add", streams=streams)
            await lab.run(ListAgents(), f"{way}-list", streams=streams)
            await lab.run(Turn(agent="lane0", message=f"[[{way}]] hi"), f"{way}-turn", streams=streams)
            lab.fired("streams missing", way)
            if lab.hung():
                break
    finally:
        os.close(holding)
    lab.look.config()


async def _unread(lab: Lab, intent: Intent) -> None:
    """A command whose standard output is a pipe that is closed at its other end before anything is printed."""
    command = await lab.start(intent, f"{UNREAD}-{intent.verb.replace(' ', '-')}", streams=Streams(stdout="pipe"))
    command.read_no_more()
    await command.finished()


@scenario(
    "RES-5",
    fault="unknown agents, impossible names and workspaces, a name that is taken, missing and impossible options; a "
    "message of 120,000 bytes",
    needs=[Capability.ADD_AGENTS, Capability.TURN, Capability.AGENT_NAMES],
    judges=[bad_input_is_refused],
)
async def test_bad_input(lab: Lab) -> None:
    """Bad input gets a typed error and changes nothing."""
    lab.prepare(Setup(agents=("lane0",)))
    await lab.add("good")
    lab.look.config()
    lab.plan("bad input")
    if not lab.faulty:
        return
    workspace = str(lab.site.workspace("new"))
    for number, name in enumerate(BAD_NAMES):
        await lab.run(AddAgent(name=name, workspace=workspace), f"bad-name-{number}")
    blocked = lab.site.workspaces / "a-file"
    blocked.write_text("not a folder\n", encoding="utf-8")
    lab.look.workspaces()
    await lab.run(AddAgent(name="blocked", workspace=str(blocked)), "bad-workspace")
    await lab.run(AddAgent(name="deep", workspace=str(lab.site.workspace("deep") / ("x" * 300))), "bad-deep-workspace")
    await lab.run(AddAgent(name="good", workspace=workspace), "bad-second")
    await (await lab.turn("nobody", actor="bad-agent")).finished()
    if Capability.DELETE_AGENTS in lab.target.capabilities:
        await lab.run(DeleteAgent(name="nobody"), "bad-delete")
    if Capability.CANCEL in lab.target.capabilities:
        await lab.run(CancelRun(id="r-nobody"), "bad-cancel")
    if Capability.WORKTREES in lab.target.capabilities:
        await lab.run(
            AddAgent(name="bare", workspace=workspace, worktree_of=str(lab.site.root / "none")), "bad-repository"
        )
    await lab.run(Turn(agent="../lane0", message="[[bad-path]] hi"), "bad-path")
    for number, session in enumerate(("../../escape", str(lab.site.root / "escape"))):
        await lab.run(
            Turn(agent="lane0", message=f"[[bad-session-{number}]] hi", session=session), f"bad-session-{number}"
        )
    for number, words in enumerate((("agents", "add", "--json"), ("agent", "--json"), ("agents", "fly", "--json"))):
        await lab.run(Raw(words=words), f"bad-words-{number}")
    for actor, timeout in {"bad-timeout": -1.0, "bad-nan": math.nan}.items():
        await lab.run(Turn(agent="lane0", message=f"[[{actor}]] hi", timeout=timeout), actor)
    lab.fired("bad input")
    lab.look.workspaces()
    lab.look.config()
    await lab.run(Turn(agent="lane0", message=f"[[{BEGINNING}]] {'x' * LARGE_BYTES} [[{LARGE}]]"), LARGE)
    if [*lab.site.root.glob("escape*"), *lab.site.home.glob("escape*")]:
        raise TargetFailed("a file was written outside the state directory")
