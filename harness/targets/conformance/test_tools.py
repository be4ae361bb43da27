"""Child work, by really running the program: a tool call of the model runs a shell command where the agent works."""

from __future__ import annotations

import shlex
import signal
from dataclasses import replace

from fakes.answers import ToolCall
from fakes.script import Match, Rule, Text
from harness.checkers.ask import requests
from harness.lab import Lab
from harness.targets.conformance.check import beyond, check, ended, require
from harness.targets.conformance.material import AGENT, models, prepared
from harness.targets.extras import delegation, limited_tool_call
from harness.targets.protocol import CancelRun, Capability, Setup

_TOOL = "name the program's own shell tool and its arguments in tool_call: ToolCall(name, {argument: command})"

_LIMIT = 1  # seconds
_STEPS = 2
_NEEDED = 3.0  # seconds: longer than some programs give child work by themselves


def _scripted(lab: Lab, actor: str, call: ToolCall) -> None:
    lab.script(
        Rule("tool", Match(marker=actor, turn_step=0), (call,)), Rule("after", Match(marker=actor), (Text("done"),))
    )


@check(Capability.TURN, Capability.TOOLS)
async def test_a_tool_call_runs_a_command(lab: Lab) -> None:
    """`tool_call` has a shell run the command, once, in the agent's workspace, and the model is told of its end."""
    beside = lab.effects("tool").with_name("folder")
    command = f"{lab.effect('tool')} && pwd > {shlex.quote(str(beside))}"
    call = lab.target.tool_call(command)
    require(
        isinstance(call, ToolCall) and lab.target.tool_call(command) == call,
        f"tool_call gives {call!r}, and the next time {lab.target.tool_call(command)!r}",
        "return a fakes.script.ToolCall that depends on the arguments alone",
    )
    prepared(lab)
    _scripted(lab, "tool", call)
    outcome = await (await lab.turn(AGENT, actor="tool")).finished()
    done = lab.effects("tool").read_bytes().count(b"\n") if lab.effects("tool").exists() else 0
    require(done == 1, f"the command was run {done} times: {ended(lab, 'tool')}{beyond(lab)}", _TOOL)
    told = [what for _, what in requests(lab.history(), "tool") if what.turn_step > 0]
    require(told, f"the model was never told how the command ended: {ended(lab, 'tool')}", _TOOL)
    require(
        outcome.ok, f"the tool ran, and read says {outcome.kind}: {ended(lab, 'tool')}", "let read see the last answer"
    )
    where = beside.read_text(encoding="utf-8").strip()
    require(
        where == str(lab.site.workspace(AGENT).resolve()),
        f"the command ran in {where}, and not in the agent's workspace {lab.site.workspace(AGENT)}",
        "let prepare write site.workspace(agent), or start the turn there: rules about worktrees look into it",
    )


@check(Capability.TURN, Capability.TOOLS)
async def test_a_limit_ends_a_command(lab: Lab) -> None:
    """`limited_tool_call`, if there is one, gives a command so many seconds, and the turn goes on after them."""
    begun = lab.effects("begun")
    call = limited_tool_call(lab.target, f"{lab.effect('begun')}; sleep 600", _LIMIT)
    if call is None:
        return
    require(isinstance(call, ToolCall), f"limited_tool_call gives {call!r}", "return a fakes.script.ToolCall")
    prepared(lab)
    _scripted(lab, "limited", call)
    run = await lab.turn(AGENT, actor="limited")
    await run.finished()
    mend = "name the argument that limits the command's time, in the unit that the program takes; or leave it out"
    require(begun.exists(), f"the command was not begun: {ended(lab, 'limited')}{beyond(lab)}", mend)
    told = [what for _, what in requests(lab.history(), "limited") if what.turn_step > 0]
    require(told, f"the model was not told that {_LIMIT} s were over: {ended(lab, 'limited')}", mend)
    require(run.seconds > _LIMIT, f"the command had less than {_LIMIT} s: {ended(lab, 'limited')}", mend)


@check(Capability.TURN, Capability.TOOLS, Capability.BACKGROUND, Capability.RUNS, Capability.CANCEL)
async def test_background_work_has_a_handle(lab: Lab) -> None:
    """`tool_call(background=True)` outlives its turn, is listed with a handle, and ends when that is cancelled."""
    prepared(lab)
    _scripted(lab, "background", lab.target.tool_call(lab.build("child"), background=True))
    run = await lab.turn(AGENT, actor="background")
    await run.finished()
    beats = await lab.look.beat("child")
    require(beats, f"the background work did not go on after its turn: {ended(lab, 'background')}", _TOOL)
    handles = [handle for row in await lab.list_runs("list") for handle in row.jobs]
    require(
        handles,
        f"no run that is listed has a job: {ended(lab, 'list')}",
        "let read give the handles of background work as RunSeen.jobs; without them leave BACKGROUND out",
    )
    for number, handle in enumerate(handles):
        await lab.run(CancelRun(id=handle), f"cancel-{number}")
    require(
        await run.tree_ended(lab.patience),
        f"the work goes on after its handle {', '.join(handles)} was cancelled: {ended(lab, 'cancel-0')}",
        "give as jobs what the command for CancelRun takes",
    )


@check(Capability.TURN, Capability.TOOLS, Capability.SESSIONS)
async def test_a_turn_can_run_inside_a_tool(lab: Lab) -> None:
    """A command of the adapter runs inside a tool call too: everything that it needs stands in argv, env and cwd."""
    prepared(lab, agents=(AGENT, "inner"))
    inner = lab.within(replace(lab.turning("inner", actor="inner")), "inner")
    _scripted(lab, "outer", lab.target.tool_call(inner))
    await (await lab.turn(AGENT, actor="outer")).finished()
    asked = requests(lab.history(), "inner")
    require(
        asked,
        f"a turn of another agent that a tool started asked no model: {ended(lab, 'outer')}",
        "give the command everything by argv, env and cwd; let tool_call pass the command on as it is, quotes included",
    )


@check(Capability.TURN, Capability.SUBAGENTS)
async def test_another_agent_is_asked(lab: Lab) -> None:
    """`delegation` has another agent asked for what it is given, and the model is told what came of it."""
    lab.prepare(Setup(agents=(AGENT, "other"), models=models(lab.target)))
    lab.script(
        Rule("delegates", Match(marker="asks", turn_step=0), (delegation(lab.target, "other", "[[helps]] please"),)),
        Rule("helps", Match(marker="helps"), (Text("[[help]] given"),)),
        Rule("ends", Match(marker="asks"), (Text("done"),)),
    )
    outcome = await (await lab.turn(AGENT, actor="asks")).finished()
    mend = "name the program's own tool for that, the agent and the message in delegation(agent, message)"
    require(lab.asked("helps", models(lab.target)[0]), f"the other was not asked: {ended(lab, 'asks')}", mend)
    require(lab.told("asks", "help"), f"the model was not told of the answer: {ended(lab, 'asks')}", mend)
    require(outcome.ok, f"the turn failed: {ended(lab, 'asks')}", "let read see the last answer of the turn")


@check(Capability.TURN, Capability.TOOLS, Capability.GRACE)
async def test_child_work_has_its_grace(lab: Lab) -> None:
    """A tool that is told to end has `grace_seconds` to do so."""
    prepared(lab, grace_seconds=2 * _NEEDED)
    done = lab.effects("patient")
    saves = f"trap '' TERM INT HUP; echo begun >> {done}; sleep {_NEEDED}; echo saved >> {done}"
    _scripted(lab, "patient", lab.target.tool_call(saves))
    run = await lab.turn(AGENT, actor="patient")
    await lab.look.grows(done, within=lab.target.patience)
    run.signal(signal.SIGTERM)
    await run.finished()
    lines = done.read_text(encoding="ascii").split() if done.exists() else []
    require(
        lines == ["begun", "saved"],
        f"a tool that needs {_NEEDED} s of the {2 * _NEEDED} that were granted has done this: {lines}",
        "write grace_seconds into the config, where there is a setting for it; else leave GRACE out",
    )


@check(Capability.TURN, Capability.TOOLS, Capability.STEPS)
async def test_a_turn_has_its_steps(lab: Lab) -> None:
    """A turn whose model asks for a tool in every answer is over after `max_steps` of them."""
    prepared(lab, max_steps=_STEPS)
    call = lab.target.tool_call("true")
    lab.script(*(Rule(f"step-{n}", Match(marker="steps", turn_step=n), (call,)) for n in range(_STEPS)))
    await (await lab.turn(AGENT, actor="steps")).finished()
    asked = len(requests(lab.history(), "steps"))
    require(
        asked == _STEPS,
        f"with max_steps={_STEPS} the model was asked {asked} times: {ended(lab, 'steps')}",
        "write max_steps into the config, where there is a setting for it; else leave STEPS out",
    )
