"""FLO: failures in the middle of a turn, when something has been done or said already."""

from __future__ import annotations

import signal

from fakes.script import (
    Altered,
    Broken,
    Match,
    Parts,
    Reply,
    Reset,
    Rule,
    Stall,
    Status,
    StreamError,
    Text,
    ToolCall,
    Truncate,
)
from harness.checkers.messages import ANSWER
from harness.checkers.midway import CUT, HALF, NEXT, effects_at_most_once, partial_answers_are_dropped
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.protocol import Capability, Setup
from scenarios.work import providers, starting_with

AFTER_A_TOOL: dict[str, tuple[str, Reply]] = {  # which of the models, and how it fails
    "overloaded": ("anthropic", Status(529)),
    "reset": ("anthropic", Reset(after_frames=3)),
    "truncated": ("anthropic", Truncate(after_frames=4)),
    "stalled": ("anthropic", Stall()),
    "reset-gemini": ("gemini", Reset(after_frames=1)),
    "truncated-codex": ("codex", Truncate(after_frames=4)),
}
# Frames of an answer until its tool call is complete, but the answer is not.
WITHIN_A_CALL = {"within": ("anthropic", 7), "within-gemini": ("gemini", 1), "within-codex": ("codex", 6)}
HALF_A_CALL = {CUT: ("anthropic", 5)}  # the frame with the second half of its arguments


@scenario(
    "FLO-7",
    fault="the first provider fails right after a tool has run, breaks off behind a complete tool call, or ends its "
    "answer in good order with half of a call's arguments",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.TOOLS],
    judges=[effects_at_most_once],
)
async def test_failure_after_a_tool(lab: Lab) -> None:
    """A tool call is carried out once, although the model fails that asked for it."""
    credential = lab.credential("codex")
    able = providers(lab)
    failing = {
        name: first for name, (first, _) in (AFTER_A_TOOL | WITHIN_A_CALL | HALF_A_CALL).items() if first in able
    }
    for name in lab.rounds(failing, failing.get):
        lab.plan(name)
        first = failing[name]
        models = starting_with(first, able)
        setup = Setup(agents=("lane0",), models=models, credential=credential, idle_seconds=1.0)
        lab.prepare(setup, home=f"home-{name}")
        call = lab.target.tool_call(f"{lab.effect(name)}; : {'and so on ' * 40}")  # half of it has the effect
        failure = Rule(name, Match(provider=first, turn_step=1 if name in AFTER_A_TOOL else 0), (_broken(name, call),))
        tool = Rule(f"{name}-tool", Match(marker=name, turn_step=0), (call,))
        lab.script(*([failure] if lab.faulty else []), *([tool] if name not in HALF_A_CALL else []))
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.met(name):
            lab.fired(name)
        lab.look.effect(name)


@scenario(
    "FLO-7",
    fault="a turn is killed with SIGKILL while its tool is at work, and its session goes on",
    needs=[Capability.TURN, Capability.TOOLS, Capability.SESSIONS],
    judges=[effects_at_most_once],
)
async def test_resumed_after_a_tool(lab: Lab) -> None:
    """A tool call whose turn was killed is not carried out again by the next turn of the session."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    may_end = lab.effects("may-end")
    waits = f"; until test -e {may_end}; do sleep 0.05; done" if lab.faulty else ""
    call = lab.target.tool_call(f"{lab.effect('killed')}{waits}")
    lab.script(Rule("tool", Match(marker="killed", turn_step=0), (call,)))
    run = await lab.turn("lane0", actor="killed")
    if lab.faulty:
        if not await lab.look.grows(lab.effects("killed"), within=lab.target.patience):
            raise TargetFailed("the tool call was not carried out")
        lab.signal(run, signal.SIGKILL, to="group")
        may_end.touch()
    await run.finished()
    for actor in ("next", "last"):
        await (await lab.turn("lane0", actor=actor)).finished()
    lab.look.effect("killed")


def _broken(name: str, call: ToolCall) -> Reply:
    """How the first model fails: at once or before its answer is whole, behind the whole of this call, or within it."""
    if name in AFTER_A_TOOL:
        return AFTER_A_TOOL[name][1]
    if name in HALF_A_CALL:
        return Broken(answer=call, altered=(Altered(HALF_A_CALL[name][1], "drop"),))
    return Truncate(after_frames=WITHIN_A_CALL[name][1], answer=Parts((call, Text("and more"))))


FIRST_WORDS = {"anthropic": 4, "gemini": 1, "codex": 5}  # frames of a stream until an answer's first words have come
ROUNDS = {  # how the first of which models breaks off
    "ended": ("anthropic", "gemini"),
    "reset": ("anthropic", "gemini"),
    "failed": ("anthropic", "gemini"),
    "ended-gemini": ("gemini", "anthropic"),
    "ended-codex": ("codex", "anthropic"),
}


def breaking_off(name: str, frames: int) -> Reply:
    """An answer of which so many frames arrive, and then no more."""
    half = Text(f"[[{HALF}{name}]] This is the beginning of an answer that never came to its end, because", chunks=2)
    match name.partition("-")[0]:
        case "ended":
            return Truncate(after_frames=frames, terminated=True, answer=half)
        case "reset":
            return Reset(after_frames=frames, answer=half)
        case _:
            return StreamError("overloaded_error", after_frames=frames, answer=half)


@scenario(
    "FLO-8",
    fault="the first provider breaks off in mid-sentence: its stream ends, is reset, or reports an error",
    needs=[Capability.TURN, Capability.FAILOVER, Capability.SESSIONS],
    judges=[partial_answers_are_dropped],
)
async def test_answer_that_breaks_off(lab: Lab) -> None:
    """The beginning of an answer whose end never came is no result, and is not remembered as one."""
    credential = lab.credential("codex")
    able = providers(lab)
    for name in lab.rounds((name for name in ROUNDS if ROUNDS[name][0] in able), ROUNDS.get):
        lab.plan(name)
        models = ROUNDS[name]
        setup = Setup(agents=("lane0",), models=models, credential=credential, idle_seconds=1.0)
        lab.prepare(setup, home=f"home-{name}")
        half = Rule(name, Match(provider=models[0], marker=name), (breaking_off(name, FIRST_WORDS[models[0]]),))
        whole = Rule(f"{name}-answer", Match(marker=name), (Text(f"[[{ANSWER}{name}]] done"),))
        lab.script(*([half] if lab.faulty else []), whole)
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.met(name):
            lab.fired(name)
        await (await lab.turn("lane0", actor=f"{name}{NEXT}")).finished()
