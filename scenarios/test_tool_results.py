"""MSG-6: what tools print and leave behind, and what a model says, whatever bytes it comes in."""

from __future__ import annotations

import shlex
import signal

from fakes.script import Altered, Broken, Framing, Match, Parts, Rule, Text, Thinking, ToolCall
from harness.checkers.messages import TOOL
from harness.checkers.tool_results import (
    ANSWERED,
    SAID,
    TWICE,
    answers_are_as_said,
    ends_of,
    long_answers_are_whole,
    mistakes_are_told,
    results_are_told,
)
from harness.lab import Lab
from harness.lab.actor import Streams
from harness.scenario import scenario
from harness.targets.extras import delegation, limited_tool_call
from harness.targets.protocol import Capability, Setup
from scenarios.gateway import routed, serving
from scenarios.work import providers

ODD = "it's a $HOME; so"  # a folder's name, of which a shell makes something else
NOTE = "größe-一"  # a file in the agent's workspace
# Half a surrogate pair, a NUL and bytes that no text has; far more than a pipe holds (64 KiB, pipe(7)), its marker at
# both ends, as an end may be left out; a process that has the output open when its command has ended; and what a
# compiler does that fails. One shows a file; one has a process end by SIGTERM, and another by SIGPIPE.
# Three more print nothing: one fails, and one is killed, as for its memory.
PRINTS = {
    "bytes": r"printf '\377\355\240\200\000\376'; {marked}",
    "flood": r"{marked}; head -c 300000 /dev/zero | tr '\000' x; {marked}",
    "left": "tail -f /dev/null & {marked}",
    "errors": "{marked} >&2; false",
    "here": f"cat {NOTE}",
    "signals": "sleep 600 & kill $!; wait; while :; do {marked}; echo; sleep 0.1; done | head -n 1",
}
PAGE = 4000  # bytes that a tool prints: of that nobody needs to leave anything out
MAX_ARG_STRLEN = 128 * 1024  # bytes of one argument: execve(2)
# As much as a model may answer, in characters that JSON writes as escapes: 1.4 MB, beyond the limits of many readers.
LONG = "\N{SLIGHTLY SMILING FACE}" * 120_000


@scenario(
    "MSG-6",
    fault="of several tools that a model wants at once one prints bytes that are no text, one more than a pipe holds, "
    "one leaves a process behind that has its output open, one fails and says why, one shows a file of the workspace, "
    "whose name has blanks and a shell's characters, one ends a process by SIGTERM, and has another write to a reader "
    "who has seen enough, and three print nothing: one fails, one is killed; the last answer comes in lines that end "
    "with CR and LF, and in pieces that end within its characters",
    needs=[Capability.TURN, Capability.TOOLS],
    judges=[results_are_told],
)
async def test_whatever_tools_print(lab: Lab) -> None:
    """A model is told what each of its tools printed, whatever that was, and what it says itself stays what it was."""
    layout = {"lane0": ODD} if lab.faulty else {}
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",), grace_seconds=0.5), layout=layout)
    lab.patience /= 3  # nothing here takes long
    lab.plan("tools that print what is no text")
    marked = {name: shlex.join(["printf", "[[%s]]", f"{TOOL}{name}"]) for name in PRINTS}
    commands = {name: PRINTS[name].format(marked=marked[name]) if lab.faulty else marked[name] for name in PRINTS}
    silent = ("true", "false", "kill -9 $$") if lab.faulty else ("true", "echo other", "echo third")
    calls = tuple(lab.target.tool_call(command) for command in (*commands.values(), *silent))
    framing = Framing(newline="crlf", pieces="utf8") if lab.faulty else Framing()
    answer = Broken(answer=Text(SAID), framing=framing)
    lab.script(
        Rule("tools", Match(marker="lane0", turn_step=0), (Parts(calls),)),
        Rule("answer", Match(marker="lane0"), (answer,)),
    )
    (lab.site.workspace("lane0") / NOTE).write_text(f"[[{TOOL}here]]", encoding="utf-8")
    await (await lab.turn("lane0")).finished()
    if lab.met("tools"):
        lab.fired("tools that print what is no text")


@scenario(
    "MSG-6",
    fault="of the tools that a model wants at once one does not exist, one gets a number for its command, one gets "
    "nothing, one a command that is longer than an argument may be (execve(2)), and one only a second for what takes a "
    "minute; another has a number work for it in place of an agent; two more are alike, and each is to be done",
    needs=[Capability.TURN, Capability.TOOLS],
    judges=[mistakes_are_told],
)
async def test_calls_that_cannot_be_carried_out(lab: Lab) -> None:
    """A model that asks for what cannot be done is told so, and of the tools beside it, and goes on."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    lab.plan("calls that cannot be carried out")
    good = lab.target.tool_call(shlex.join(["printf", "[[%s]]", f"{TOOL}good"]))
    long = lab.target.tool_call(f"true {'and so on ' * (MAX_ARG_STRLEN // 8)}")
    slow = limited_tool_call(lab.target, "sleep 60", 1) or good
    mistaken = (
        ToolCall("no_such_tool", {"path": "x"}),
        ToolCall(good.name, dict.fromkeys(good.arguments, 7)),
        ToolCall(good.name),
        long,
        slow,
        _delegated_to_a_number(lab) or good,
    )
    once = lab.effect(TWICE)
    again = once if lab.faulty else f"{once}; true"  # as a build is begun again once something has changed
    twice = (lab.target.tool_call(once), lab.target.tool_call(again))
    calls = (*(mistaken if lab.faulty else (good,) * len(mistaken)), good, *twice)
    lab.script(
        Rule("tools", Match(marker="lane0", turn_step=0), (Parts(calls),)), Rule("answer", Match(), (Text(SAID),))
    )
    await (await lab.turn("lane0")).finished()
    lab.look.effect(TWICE)
    if lab.met("tools"):
        lab.fired("calls that cannot be carried out")


def _delegated_to_a_number(lab: Lab) -> ToolCall | None:
    """What has another agent work, if that can be asked for, but with a number in each place."""
    if Capability.SUBAGENTS not in lab.target.capabilities:
        return None
    call = delegation(lab.target, "lane0", "do your part")
    return ToolCall(call.name, dict.fromkeys(call.arguments, 7))


@scenario(
    "MSG-6",
    fault="a model answers with 120,000 characters, here, through a gateway, and into a pipe on which no write waits "
    "(O_NONBLOCK, as a parent may leave it), and which nobody reads until its command has ended or gets no further",
    needs=[Capability.TURN],
    judges=[long_answers_are_whole],
)
async def test_answer_of_great_length(lab: Lab) -> None:
    """What a model says is passed on whole, however long it is."""
    lab.prepare(Setup(agents=ANSWERED, models=("anthropic",), grace_seconds=0.5))
    said = LONG if lab.faulty else SAID
    lab.script(*(Rule(name, Match(marker=name), (Text(f"{said} [[{name}]]"),)) for name in ANSWERED))
    lab.plan("a long answer")
    await (await lab.turn("direct")).finished()
    piped = await lab.start(lab.turning("piped"), "piped", streams=Streams(stdout="pipe"))
    await lab.settled(piped)
    piped.read_on()
    await piped.finished()
    if Capability.GATEWAY in lab.target.capabilities:
        gateway = await serving(lab)
        await lab.run(routed(lab, "routed", "routed"), "routed")
        gateway.signal(signal.SIGTERM)
        await gateway.finished()
    if all(lab.met(name) for name in ANSWERED if name in lab.actors):
        lab.fired("a long answer")


@scenario(
    "MSG-6",
    fault="of each provider in turn the model is told of a tool that prints a page; it thinks before it speaks, in "
    "lines that end with CR and LF, or LF, and begin or end with blanks; the answer comes byte by byte, framed in "
    "lines that end with CR and LF, with a comment and an event of an unknown kind in its midst",
    needs=[Capability.TURN],
    judges=[answers_are_as_said],
)
async def test_answer_in_every_form(lab: Lab) -> None:
    """A turn ends with what its model said, and not with what it thought, in whichever form that comes."""
    credential = lab.credential("codex")
    for name in lab.rounds(providers(lab)):
        lab.plan(name)
        lab.prepare(Setup(agents=("lane0",), models=(name,), credential=credential), home=f"home-{name}")
        thought = Parts((Thinking("Which languages do they know? "), Text(SAID)))
        framing = Framing(newline="crlf", pieces="byte")
        whole = Broken(answer=thought, altered=(Altered(2, "comment"), Altered(2, "unknown-event")), framing=framing)
        lab.script(*_prints_a_page(lab, name), Rule(name, Match(marker=name), (whole if lab.faulty else Text(SAID),)))
        await (await lab.turn("lane0", actor=name)).finished()
        if lab.met(name):
            lab.fired(name)


def _prints_a_page(lab: Lab, actor: str) -> tuple[Rule, ...]:
    """The actor's model first asks for two tools at once, if there are any; what one prints has marks at its ends."""
    if Capability.TOOLS not in lab.target.capabilities or not lab.faulty:
        return ()
    first, last = (shlex.join(["printf", "[[%s]]", end]) for end in ends_of(actor))
    call = lab.target.tool_call(f"{first}; head -c {PAGE} /dev/zero | tr '\\000' x; {last}")
    both = Parts((call, lab.target.tool_call("true")))
    return (Rule(f"{actor}-tool", Match(marker=actor, turn_step=0), (both,)),)
