"""LCK-4, LCK-5: who holds a session and is stopped, slow or late is not robbed, and harms nobody who came after."""

from __future__ import annotations

import signal

from fakes.script import Match, Parts, Rule, Text
from harness.checkers.locks import (
    session_is_held_alone,
    slow_writer_is_fenced,
    stopped_holder_is_not_robbed,
    superseded_holder_is_fenced,
)
from harness.checkers.messages import ANSWER
from harness.conductor import locks
from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall
from harness.lab import Lab
from harness.scenario import WATCH_CONTENTION, WATCH_WRITES, scenario
from harness.targets.extras import break_lock
from harness.targets.protocol import Capability, Setup

WAITS = 15.0  # seconds for a second run: a program that waits longer for the lock is let wait
AGE = 80000.0  # seconds: nearly a day, beyond what anybody takes for the longest turn


def answers(*names: str, held: str = "") -> list[Rule]:
    """Answers that can be recognised in later requests; one of them waits at a gate of its name."""
    return [
        Rule(name, Match(marker=name), (Text(f"[[{ANSWER}{name}]] done", gate=held if name == held else None),))
        for name in names
    ]


@scenario(
    "LCK-4",
    fault="the holder is stopped with SIGSTOP while another run asks for its session",
    needs=[Capability.TURN, Capability.SESSIONS],
    judges=[stopped_holder_is_not_robbed],
)
async def test_stopped_holder(lab: Lab) -> None:
    """A holder that is stopped for a while still has its session when it goes on."""
    await _stopped(lab, seconds=0.0)


@scenario(
    "LCK-4",
    fault="the holder is stopped with SIGSTOP, and what is there looks a day old, while another run asks",
    needs=[Capability.TURN, Capability.SESSIONS],
    judges=[stopped_holder_is_not_robbed],
)
async def test_holder_that_has_slept(lab: Lab) -> None:
    """A holder whose machine has slept still has its session when it goes on, however old its lock looks."""
    await _stopped(lab, seconds=AGE)


async def _stopped(lab: Lab, *, seconds: float) -> None:
    """While the turn "holder" is stopped, the turn "second" asks for its session, which looks so much older."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    lab.script(*answers("holder", "second", held="holder"))
    lab.hold("holder")
    holder = await lab.turn("lane0", actor="holder")
    await lab.reached("holder", by=[holder])
    lab.signal(holder, signal.SIGSTOP, to="group")
    if seconds:
        lab.aged(lab.site.home, seconds, but=lab.target.config_file(lab.site))
    if not lab.faulty:
        await holder.finished()
    second = await lab.turn("lane0", actor="second")
    await lab.ends_within(second, WAITS)
    lab.release("holder")
    lab.signal(holder, signal.SIGCONT, to="group")
    await holder.finished()
    await second.finished()
    await (await lab.turn("lane0", actor="after-all")).finished()


@scenario(
    "LCK-4",
    fault="the holder is kept at the first file that it opens for writing, or the first write of its answer, once it "
    "has come, until another run of its session gets no further",
    needs=[Capability.TURN, Capability.SESSIONS],
    watch=WATCH_CONTENTION | WATCH_WRITES,
    exact=True,
    judges=[stopped_holder_is_not_robbed],
)
async def test_holder_slow_to_store(lab: Lab) -> None:
    """A holder keeps its session until its answer stands in it, and not only until it has come."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    lab.script(*answers("holder", "second"))

    def stores_answer(call: StoppedCall) -> bool:
        if call.actor != "holder" or not (lab.is_state(call) and lab.answered("holder")):
            return False
        return call.kind.family is Family.OPEN or f"[[{ANSWER}holder]]".encode() in call.data()

    async with lab.kept("the holder kept after its answer", where=stores_answer) as until_kept:
        holder = await lab.turn("lane0", actor="holder")
        await (until_kept(holder) if lab.faulty else holder.finished())
        second = await lab.turn("lane0", actor="second")
        await lab.stuck(second)
    await holder.finished()
    await second.finished()
    await (await lab.turn("lane0", actor="after-all")).finished()


@scenario(
    "LCK-4",
    fault="the holder waits for its provider while another run of its session comes to the state by a symbolic link",
    needs=[Capability.TURN, Capability.SESSIONS],
    judges=[session_is_held_alone],
)
async def test_holder_by_another_path(lab: Lab) -> None:
    """A session is one session, by whichever path to the state directory a run comes to it."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",), session_wait_seconds=1.0))
    lab.script(Rule("holder", Match(marker="holder"), (Text("done", gate="holder"),)))
    lab.hold("holder")
    alias = lab.site.root / "alias"
    alias.symlink_to(lab.site.home)
    holder = await lab.turn("lane0", actor="holder")
    await lab.reached("holder", by=[holder])
    with lab.at_home(alias if lab.faulty else lab.site.home):
        second = await lab.turn("lane0", actor="second")
    await lab.settled(second)
    lab.release("holder")
    await holder.finished()
    await second.finished()


@scenario(
    "LCK-4",
    fault="a run is kept just as it asks for the session's lock, which is taken, until its holder has ended and a "
    "third run has the session",
    needs=[Capability.TURN, Capability.SESSIONS],
    watch=WATCH_CONTENTION,
    exact=True,
    judges=[session_is_held_alone],
)
async def test_late_for_the_lock(lab: Lab) -> None:
    """A run that opened the lock of an earlier holder does not get the session beside a later one."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    lab.script(*(Rule(name, Match(marker=name), (Text("done", gate=name),)) for name in ("holder", "third")))
    for name in ("holder", "third"):
        lab.hold(name)
    holder = await lab.turn("lane0", actor="holder")
    await lab.reached("holder", by=[holder])

    def asks_in_vain(call: StoppedCall) -> bool:
        return call.actor == "second" and locks.in_vain(call)

    async with lab.kept("a run kept as it asks for a lock that is taken", where=asks_in_vain) as until_kept:
        second = await lab.turn("lane0", actor="second")
        await until_kept(second)
        lab.release("holder")
        await holder.finished()
        third = await lab.turn("lane0", actor="third")
        await lab.reached("third", by=[third])
    await lab.settled(second)
    lab.release("third")
    await third.finished()
    await second.finished()


@scenario(
    "LCK-5",
    fault="the holder is stopped with SIGSTOP, its lock is removed and taken by another run, and it goes on",
    needs=[Capability.TURN, Capability.LOCK_FILES, Capability.SESSIONS],
    judges=[superseded_holder_is_fenced],
)
async def test_holder_that_comes_back(lab: Lab) -> None:
    """A holder whose lock has passed on while it was stopped writes nothing when it comes back."""
    await _comes_back(lab, *answers("holder", "second", held="holder"))


@scenario(
    "LCK-5",
    fault="the holder is stopped with SIGSTOP, its lock is removed and taken by another run; then it is to use a tool",
    needs=[Capability.TURN, Capability.TOOLS, Capability.LOCK_FILES, Capability.SESSIONS],
    judges=[superseded_holder_is_fenced],
)
async def test_holder_that_comes_back_to_a_tool(lab: Lab) -> None:
    """A holder whose lock has passed on writes no tool call and no result either, when it comes back in mid-turn."""
    asks = Parts((Text(f"[[{ANSWER}holder]] one moment"), lab.target.tool_call("true")), gate="holder")
    told = Rule("holder-tool", Match(marker="holder", turn_step=0), (asks,))
    await _comes_back(lab, told, *answers("holder", "second"))


@scenario(
    "LCK-5",
    fault="the holder is kept at the first write of its answer, its lock is removed, and another run of its session "
    "gets no further, or ends",
    needs=[Capability.TURN, Capability.LOCK_FILES, Capability.SESSIONS],
    watch=WATCH_CONTENTION | WATCH_WRITES,
    exact=True,
    judges=[slow_writer_is_fenced],
)
async def test_holder_that_is_about_to_write(lab: Lab) -> None:
    """A holder that has seen that its lock is its own, and then is slow, writes nothing behind another run's back."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    lab.script(*answers("holder", "second"))

    def stores_answer(call: StoppedCall) -> bool:
        return call.actor == "holder" and lab.is_state(call) and f"[[{ANSWER}holder]]".encode() in call.data()

    async with lab.kept("the holder kept as it writes its answer", where=stores_answer) as until_kept:
        holder = await lab.turn("lane0", actor="holder")
        await (until_kept(holder) if lab.faulty else holder.finished())
        lab.plan("the lock removed")
        if lab.faulty and break_lock(lab.target, lab.site, "lane0"):
            lab.fired("the lock removed")
        second = await lab.turn("lane0", actor="second")
        await lab.stuck(second)
    await holder.finished()
    await second.finished()
    await (await lab.turn("lane0", actor="after-all")).finished()


async def _comes_back(lab: Lab, *rules: Rule) -> None:
    """The turn "second" gets the lock of "holder", which is stopped meanwhile and answered afterwards."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    lab.script(*rules)
    lab.hold("holder")
    holder = await lab.turn("lane0", actor="holder")
    await lab.reached("holder", by=[holder])
    lab.signal(holder, signal.SIGSTOP, to="group")
    lab.plan("the lock has passed on")
    broken = lab.faulty and break_lock(lab.target, lab.site, "lane0")
    if not lab.faulty:
        await holder.finished()
    await (await lab.turn("lane0", actor="second")).finished()
    if broken and lab.met("second"):
        lab.fired("the lock has passed on")
    lab.release("holder")
    lab.signal(holder, signal.SIGCONT, to="group")
    await holder.finished()
    await (await lab.turn("lane0", actor="after-all")).finished()
