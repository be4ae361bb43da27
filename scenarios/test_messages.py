"""MSG: turns die, or write less than they should, their records rot, their answers are late; the session goes on."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from fakes.script import Match, Parts, Rule, Text
from harness.checkers.messages import (
    ANSWER,
    ASIDE,
    CALL,
    DETACHED,
    TOOL,
    bad_record_costs_itself,
    crash_costs_one_record,
    exactly_once_visible,
    listed_success_is_visible,
    return_implies_terminal,
    sessions_are_apart,
)
from harness.conductor.stopped import StoppedCall, Where
from harness.conductor.troubles import CRASH, SHORT, TORN
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.lab.striking import Strike, sweep
from harness.scenario import WATCH_CHANGES, scenario
from harness.targets.extras import transcripts
from harness.targets.protocol import Capability, Setup
from scenarios.gateway import routed, serving
from scenarios.work import answered_turn

ALIKE = "names that are alike"
# Lines that are no record: what crashes, power cuts, other programs and later versions leave in such a file.
BAD_LINES = {
    "cut": b'{"role": "user", "text": "cut within a \xc3',
    "zeroes": bytes(64),
    "binary": b"\xff\xfe\x80",
    "array": b"[]",
    "future": b'{"type": "of-a-later-version", "content": [{"type": "unheard-of"}]}',
    "nested": b"[" * 100_000,
}


@scenario(
    "MSG-1",
    fault="a turn is killed at one of its operations on its files, or writes half of what it should",
    needs=[Capability.TURN, Capability.SESSIONS],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[crash_costs_one_record],
)
async def test_cut_off_turns(lab: Lab) -> None:
    """Turns that are cut off anywhere cost the session at most what was not acknowledged."""
    await _turns(lab, "turns cut off at an operation", (*CRASH, SHORT), most=5)


@scenario(
    "MSG-1",
    fault="a turn writes half of a record of its message or its answer, and is killed or goes on",
    needs=[Capability.TURN, Capability.SESSIONS],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[crash_costs_one_record],
)
async def test_torn_records(lab: Lab) -> None:
    """A record that was written in part never fuses with the next."""

    def writes_text(call: StoppedCall) -> bool:
        return lab.is_state(call) and f"{call.actor}]]".encode() in call.data()

    await _turns(lab, "records written in part", (TORN, SHORT), most=8, where=writes_text)


async def _turns(lab: Lab, what: str, faults: Sequence[str], *, most: int, where: Where | None = None) -> None:
    """One session, in which a struck turn is followed by one that is not, and so on."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    await answered_turn(lab, "first")  # from now on every turn does the same operations

    async def turn(name: str, strike: Strike) -> None:
        async with strike():
            await answered_turn(lab, name)
        await answered_turn(lab, f"{name}-next")

    await sweep(lab, turn, what=what, faults=faults, most=most, where=where)
    await answered_turn(lab, "last")


@scenario(
    "MSG-2",
    fault="between turns of a session stand lines that are no record: cut, zeroed, binary, or of another shape",
    needs=[Capability.TURN, Capability.TRANSCRIPTS, Capability.SESSIONS],
    judges=[bad_record_costs_itself],
)
async def test_bad_records_between_turns(lab: Lab) -> None:
    """A line of a transcript that cannot be read costs its session nothing else."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    await answered_turn(lab, "first")
    for kind in lab.rounds(BAD_LINES):
        _spoil(lab, f"a line that is no record: {kind}", partial(_followed_by, BAD_LINES[kind]))
        await answered_turn(lab, f"next-{kind}")


@scenario(
    "MSG-2",
    fault="the record of a tool call, in the middle of a session, is overwritten with zeroes",
    needs=[Capability.TURN, Capability.TRANSCRIPTS, Capability.SESSIONS, Capability.TOOLS],
    judges=[bad_record_costs_itself],
)
async def test_overwritten_records(lab: Lab) -> None:
    """A record that has rotted is forgotten, and no other: not even where it leaves a result without its call."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    await answered_turn(lab, "first")
    await _turn_with_tool(lab, "lost")
    await answered_turn(lab, "second")
    _spoil(lab, "a tool call overwritten", partial(_overwritten, f"%s]]' {TOOL}lost"))
    await answered_turn(lab, "next")


@scenario(
    "MSG-3",
    fault="a turn with a tool call is killed at one of its operations on its files, or in the middle of one",
    needs=[Capability.TURN, Capability.TOOLS, Capability.SESSIONS],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[exactly_once_visible],
)
async def test_resumed_after_a_kill(lab: Lab) -> None:
    """After a kill anywhere the session goes on with everything that was acknowledged, and nothing is there twice."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    await _turn_with_tool(lab, "first")  # from now on every turn does the same operations

    async def turn(name: str, strike: Strike) -> None:
        async with strike():
            await _turn_with_tool(lab, name)
        await _turn_with_tool(lab, f"{name}-next")

    def after_asking(call: StoppedCall) -> bool:
        return lab.asked(call.actor, "anthropic")

    await sweep(lab, turn, what="turns killed at an operation", faults=CRASH, most=6, crucial=after_asking)
    await _turn_with_tool(lab, "last")


@scenario(
    "MSG-3",
    fault="a turn is killed as it writes its answer down, in its session or the table of runs, before or within that",
    needs=[Capability.TURN, Capability.SESSIONS, Capability.RUNS],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[listed_success_is_visible],
)
async def test_killed_as_it_stores_its_answer(lab: Lab) -> None:
    """A killed turn that is listed as succeeded has its answer in the session."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    await answered_turn(lab, "first")

    async def turn(name: str, strike: Strike) -> None:
        async with strike():
            await answered_turn(lab, name)
        await lab.list_runs(f"{name}-list", everything=True)
        await answered_turn(lab, f"{name}-next")

    def stores_answer(call: StoppedCall) -> bool:
        return lab.is_state(call) and f"[[{ANSWER}{call.actor}]]".encode() in call.data()

    await sweep(lab, turn, what="turns killed at their answers", faults=CRASH, most=4, where=stores_answer)


@scenario(
    "MSG-3",
    fault="the names of two agents and their sessions, put together, are alike; two sessions' differ by a hyphen and "
    "an underscore, two long ones at their ends",
    needs=[Capability.TURN, Capability.SESSION_NAMES],
    judges=[sessions_are_apart],
)
async def test_sessions_of_like_names(lab: Lab) -> None:
    """A session is told nothing of another one, however alike their names are."""
    lab.plan(ALIKE)
    others = ("lane-a", "b") if lab.faulty else ("other", "b")
    long = "goes-on-" * 5 if lab.faulty else ""
    lab.prepare(Setup(agents=("lane", others[0]), models=("anthropic",)))
    lab.fired(ALIKE)
    sessions = {
        "apart": ("lane", "a-b"),
        "strange": others,
        "namesake": (others[0], "a-b" if lab.faulty else "f"),
        "spelt": ("lane", "a_b" if lab.faulty else "e"),
        "long": ("lane", f"{long}c"),
        "longer": ("lane", f"{long}d"),
    }
    turns = {f"{name}-{turn}": session for turn in ("first", "second") for name, session in sessions.items()}
    lab.script(*(Rule(name, Match(marker=name), (Text(f"[[{ANSWER}{name}]] done"),)) for name in turns))
    for name, (agent, session) in turns.items():
        await lab.run(replace(lab.turning(agent, actor=name), session=session), name)


async def _turn_with_tool(lab: Lab, name: str) -> None:
    """A turn whose message, tool and answers can each be recognised, and counted, in later requests."""
    call = lab.target.tool_call(f": '[[{CALL}{name}]]'; printf '[[%s]]' {TOOL}{name}")
    lab.script(
        Rule("tool", Match(marker=name, turn_step=0), (Parts((Text(f"[[{ASIDE}{name}]] first this"), call)),)),
        Rule("answer", Match(marker=name), (Text(f"[[{ANSWER}{name}]] done"),)),
    )
    await (await lab.turn("lane0", actor=name)).finished()


@scenario(
    "MSG-5",
    fault="the provider keeps the last answers of two turns back until their commands can get no further, and that of "
    "one which was asked to detach until its command has returned; the command of a third gets SIGTERM, that of a "
    "fourth its time-out; the gateway of a fifth gets SIGTERM, and its tool has something left to do then",
    needs=[Capability.TURN, Capability.TOOLS],
    judges=[return_implies_terminal],
)
async def test_return_after_the_last_answer(lab: Lab) -> None:
    """A command returns when its turn is over and not before, here and through a gateway, also when it is ended."""
    lab.prepare(Setup(agents=("direct", "routed", "stopped"), models=("anthropic",), grace_seconds=10.0))
    turns, works = [lab.turning("direct")], list[Actor]()
    if Capability.GATEWAY in lab.target.capabilities:
        works = [await serving(lab)]
        turns.append(routed(lab, "routed", "routed"))
    lab.script(*(rule for turn in turns for rule in _tool_then_late_answer(lab, turn.agent)))
    for turn in turns:
        lab.hold(f"answer of {turn.agent}")
        run = await lab.start(turn, turn.agent)
        await lab.reached(f"answer of {turn.agent}", by=[run, *works])
        await lab.settled(run)
        await _list_if_possible(lab, f"list-during-{turn.agent}")
        lab.release(f"answer of {turn.agent}")
        await run.finished()
        await _list_if_possible(lab, f"list-after-{turn.agent}")
    if works and lab.faulty:
        if Capability.DETACH in lab.target.capabilities:
            await _detached(lab, works[0])
        await _ended_in_the_gateway(lab, works)
        await _ended_with_the_gateway(lab, works[0])


async def _detached(lab: Lab, gateway: Actor) -> None:
    """A turn whose command has returned before the answer comes."""
    lab.script(*_tool_then_late_answer(lab, DETACHED))
    lab.hold(f"answer of {DETACHED}")
    run = await lab.start(replace(routed(lab, "routed", DETACHED), detached=True), DETACHED)
    await run.finished()
    await lab.settled(gateway)
    if lab.met(f"{DETACHED}-text"):  # else the turn was given up, and nobody comes to the gate
        await lab.reached(f"answer of {DETACHED}", by=[gateway])
    lab.release(f"answer of {DETACHED}")
    await lab.settled(gateway)


async def _ended_in_the_gateway(lab: Lab, works: Sequence[Actor]) -> None:
    """Turns whose commands end before their answers come: one by a signal, one by its time-out."""
    timeout = await lab.undisturbed("direct")
    late = ["late"] if Capability.TIMEOUT in lab.target.capabilities else []
    lab.script(*(Rule(name, Match(marker=name), (Text("done", gate=name),)) for name in ("ended", *late)))
    for name in ("ended", *late):
        lab.hold(name)
        run = await lab.start(routed(lab, "routed", name, timeout=timeout if name in late else None), name)
        await lab.reached(name, by=[run, *works])
        if name not in late:
            lab.signal(run, signal.SIGTERM)
        await run.finished()
        await _list_if_possible(lab, f"list-after-{name}")
        lab.release(name)


async def _ended_with_the_gateway(lab: Lab, gateway: Actor) -> None:
    """A turn whose gateway is told to end, and whose tool has something left to do when it is."""
    begun, told, pipe = lab.effects("begun"), lab.effects("told"), lab.site.root / "end-of-tool"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDWR)  # Linux opens both ends at once (fifo(7)), so that nobody waits for the other
    try:
        last = f"echo to end >> {shlex.quote(str(told))}; read line < {shlex.quote(str(pipe))}; exit"
        begin = f"trap {shlex.quote(last)} TERM INT HUP; echo begun >> {shlex.quote(str(begun))}"
        call = lab.target.tool_call(f"{begin}; sleep 120 & wait")
        lab.script(Rule("stopped", Match(marker="stopped", turn_step=0), (call,)))
        run = await lab.start(routed(lab, "stopped", "stopped"), "stopped")
        if not await lab.look.grows(begun, within=lab.patience):
            raise TargetFailed("the tool call of a turn in the gateway was not carried out")
        lab.signal(gateway, signal.SIGTERM)
        await lab.look.grows(told, within=lab.patience)
        await lab.settled(run)
        await _list_if_possible(lab, "list-beside-stopped")
        os.write(descriptor, b"end\n")
        await run.finished()
    finally:
        os.close(descriptor)
    await _list_if_possible(lab, "list-after-stopped")


async def _list_if_possible(lab: Lab, actor: str) -> None:
    if Capability.RUNS in lab.target.capabilities:
        await lab.list_runs(actor)


def _tool_then_late_answer(lab: Lab, marker: str) -> tuple[Rule, Rule]:
    return (
        Rule(f"{marker}-tool", Match(marker=marker, turn_step=0), (lab.target.tool_call("true"),)),
        Rule(f"{marker}-text", Match(marker=marker), (Text("done", gate=f"answer of {marker}"),)),
    )


def _followed_by(line: bytes, data: bytes) -> bytes:
    return data + line + b"\n"


def _overwritten(text: str, data: bytes) -> bytes:
    """With zeroes in the place of each line that has this text."""
    return b"\n".join(bytes(len(line)) if text.encode() in line else line for line in data.split(b"\n"))


def _transcript(lab: Lab) -> Path:
    """The only transcript of the only agent. Raises TargetFailed when it has none, or several."""
    found = transcripts(lab.target, lab.site, "lane0")
    if len(found) != 1:
        raise TargetFailed(f"lane0 has {len(found)} transcripts after a turn; one was to be expected")
    return found[0]


def _spoil(lab: Lab, fault: str, change: Callable[[bytes], bytes]) -> None:
    """Change what stands in the transcript, in place: no program of ours has it open now."""
    lab.plan(fault)
    if lab.faulty:
        path = _transcript(lab)
        path.write_bytes(change(path.read_bytes()))
        lab.fired(fault)
