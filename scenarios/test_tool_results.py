"""MSG-6: what tools print and leave behind, and what a model says, whatever bytes it comes in."""

from __future__ import annotations

import shlex

from fakes.script import Broken, Framing, Match, Parts, Rule, Text
from harness.checkers.messages import TOOL
from harness.checkers.tool_results import SAID, results_are_told
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.protocol import Capability, Setup

# Half a surrogate pair, a NUL and bytes that no text has; far more than a pipe holds (64 KiB, pipe(7)), its marker at
# both ends, as an end may be left out; and a process that has the output open when its command has ended.
PRINTS = {
    "bytes": r"printf '\377\355\240\200\000\376'; {marked}",
    "flood": r"{marked}; head -c 300000 /dev/zero | tr '\000' x; {marked}",
    "left": "tail -f /dev/null & {marked}",
}


@scenario(
    "MSG-6",
    fault="of several tools that a model wants at once one prints bytes that are no text, one more than a pipe holds, "
    "one leaves a process behind that has its output open, and one prints nothing; the last answer comes in pieces "
    "that end within its characters",
    needs=[Capability.TURN, Capability.TOOLS],
    judges=[results_are_told],
)
async def test_whatever_tools_print(lab: Lab) -> None:
    """A model is told what each of its tools printed, whatever that was, and what it says itself stays what it was."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",), grace_seconds=0.5))
    lab.patience /= 3  # nothing here takes long
    lab.plan("tools that print what is no text")
    marked = {name: shlex.join(["printf", "[[%s]]", f"{TOOL}{name}"]) for name in PRINTS}
    commands = {name: PRINTS[name].format(marked=marked[name]) if lab.faulty else marked[name] for name in PRINTS}
    calls = tuple(lab.target.tool_call(command) for command in (*commands.values(), "true"))
    answer = Broken(answer=Text(SAID), framing=Framing(pieces="utf8" if lab.faulty else "frame"))
    lab.script(
        Rule("tools", Match(marker="lane0", turn_step=0), (Parts(calls),)),
        Rule("answer", Match(marker="lane0"), (answer,)),
    )
    await (await lab.turn("lane0")).finished()
    if lab.met("tools"):
        lab.fired("tools that print what is no text")
