"""LCK: sessions that are held, abandoned, or wrongly believed to be held."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import replace

from fakes.script import Match, Rule, Status, Text
from harness.checkers.locks import (
    busy_is_typed,
    dead_holder_recovered,
    isolated_agents_do_not_contend,
    lock_released,
    peers_end_before,
    run_does_not_wait_for_itself,
    stale_record_does_not_block,
)
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.scenario import scenario
from harness.targets.protocol import Capability, Setup, Turn
from scenarios.child_work import KINDS, killed_and_not_collected, tool_then_text
from scenarios.gateway import routed, serving

# Workspaces that are easily taken for each other: by the last part of their paths, or with the separators rewritten.
LOOK_ALIKE = {"lane0": "client/app", "lane1": "client-app", "lane2": "other/app", "lane3": "client_app"}
LANES = tuple(LOOK_ALIKE)


@scenario(
    "LCK-1",
    fault="the first agent's provider does not answer until the other three have ended",
    needs=[Capability.TURN],
    judges=[isolated_agents_do_not_contend, peers_end_before],
)
async def test_one_stalled_agent(lab: Lab) -> None:
    """Four agents run at once, in workspaces of like names; the one that stalls holds up none of the others."""
    lab.prepare(Setup(agents=LANES), layout=LOOK_ALIKE)
    await _one_stalls(lab, {lane: lab.turning(lane) for lane in LANES})


@scenario(
    "LCK-1",
    fault="the first agent's provider does not answer the gateway until the turns of the other three there have ended",
    needs=[Capability.TURN, Capability.GATEWAY],
    judges=[isolated_agents_do_not_contend, peers_end_before],
)
async def test_one_stalled_agent_in_the_gateway(lab: Lab) -> None:
    """A gateway does the turns of four agents at once; the one that stalls holds up none of the others."""
    lab.prepare(Setup(agents=LANES, models=("anthropic",)), layout=LOOK_ALIKE)
    gateway = await serving(lab)
    await _one_stalls(lab, {lane: routed(lab, lane, lane) for lane in LANES}, gateway)
    gateway.signal(signal.SIGTERM)
    await gateway.finished()


@scenario(
    "LCK-1",
    fault="the first agent's provider does not answer until another has ended, and the names of the two and of their "
    "sessions, put together, are alike",
    needs=[Capability.TURN, Capability.SESSION_NAMES],
    judges=[isolated_agents_do_not_contend, peers_end_before],
)
async def test_one_stalled_session_of_a_like_name(lab: Lab) -> None:
    """A session that stalls does not hold up another one, however alike their names are."""
    lab.prepare(Setup(agents=("lane0", "lane0-a")))
    other = replace(lab.turning("lane0-a", actor="lane1"), session="b")
    await _one_stalls(lab, {"lane0": replace(lab.turning("lane0"), session="a-b"), "lane1": other})


async def _one_stalls(lab: Lab, turns: Mapping[str, Turn], *works: Actor) -> None:
    """The first turn is answered when the others have ended, or can get no further."""
    stalled, *others = turns
    lab.script(Rule("stalled", Match(marker=stalled), (Text("done", gate=stalled),)))
    lab.hold(stalled)
    first = await lab.start(turns[stalled], stalled)
    await lab.reached(stalled, by=[first, *works])
    runs = [await lab.start(turns[lane], lane) for lane in others]
    # Half of what a command may take: no turn is that slow, on a busy machine either, and one that waits still waits.
    await asyncio.gather(*(lab.ends_within(run, lab.patience / 2) for run in runs))
    lab.release(stalled)
    for run in (first, *runs):
        await run.finished()


@scenario(
    "LCK-2",
    fault="the run that holds the session is killed with SIGKILL, its whole process group with it",
    needs=[Capability.TURN, Capability.SESSIONS],
    judges=[dead_holder_recovered],
)
async def test_killed_holder(lab: Lab) -> None:
    """After the holder of a session was killed, the next run has it at once."""
    lab.prepare(Setup(agents=("lane0",)))
    await lab.undisturbed("lane0")
    lab.script(Rule("stalled", Match(marker="holder"), (Text("done", gate="holder"),)))
    lab.hold("holder")
    holder = await lab.turn("lane0", actor="holder")
    await lab.reached("holder", by=[holder])
    lab.signal(holder, signal.SIGKILL, to="group")
    await holder.finished()
    await (await lab.turn("lane0", actor="after-kill")).finished()


@scenario(
    "LCK-2",
    fault="the run that holds the session is killed with SIGKILL, its whole process group with it, but for the work of "
    "its tool call, which is in a session of its own and ignores SIGTERM",
    needs=[Capability.TURN, Capability.SESSIONS, Capability.TOOLS],
    judges=[dead_holder_recovered],
)
async def test_holder_killed_beside_its_work(lab: Lab) -> None:
    """After the holder of a session was killed, the next run has it at once, whatever the holder's work is at."""
    # The work may take longer to end than any run waits for a session.
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",), grace_seconds=20.0))
    await lab.undisturbed("lane0")
    work = lab.build("work", *KINDS["session"]) if lab.faulty else "true"
    lab.script(*tool_then_text(lab, "holder", work))
    holder = await lab.turn("lane0", actor="holder")
    if lab.faulty:
        if not await lab.look.beat("work", within=lab.target.patience, by=holder):
            raise TargetFailed("the holder's work never began: the tool call was not carried out")
        lab.signal(holder, signal.SIGKILL, to="group")
    await holder.finished()
    await (await lab.turn("lane0", actor="after-kill")).finished()


@scenario(
    "LCK-2",
    fault="the run that holds the session is killed with SIGKILL, and whoever has started it does not collect it: it "
    "stays a zombie, to which a signal can be sent",
    needs=[Capability.TURN, Capability.SESSIONS, Capability.TOOLS],
    judges=[dead_holder_recovered],
)
async def test_killed_holder_that_nobody_collects(lab: Lab) -> None:
    """After the holder of a session was killed, the next run has it at once, also while the dead one is a zombie."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",), grace_seconds=0.5))
    await lab.undisturbed("lane0")
    parent = await killed_and_not_collected(lab, "lane0", by="lane1")
    if not lab.faulty:
        await parent.finished()
    await (await lab.turn("lane0", actor="after-kill")).finished()
    lab.signal(parent, signal.SIGTERM)
    await parent.finished()


@scenario(
    "LCK-3",
    fault="a lock record names the pid of a live process that has nothing to do with it",
    needs=[Capability.TURN, Capability.SESSION_HOLDER, Capability.SESSIONS],
    judges=[stale_record_does_not_block],
)
async def test_reused_pid(lab: Lab) -> None:
    """A leftover lock record whose pid now belongs to somebody else does not block."""
    lab.prepare(Setup(agents=("lane0",)))
    await lab.undisturbed("lane0")
    lab.plan("record of a reused pid")
    if lab.faulty and lab.target.plant_holder(lab.site, "lane0", lab.launcher.pid):
        lab.fired("record of a reused pid")
    await (await lab.turn("lane0", actor="after-reuse")).finished()


@scenario(
    "LCK-3",
    fault="a lock record names the pid of another run of the same program, which has a session of its own",
    needs=[Capability.TURN, Capability.SESSION_HOLDER, Capability.SESSIONS],
    judges=[stale_record_does_not_block],
)
async def test_pid_reused_by_another_run(lab: Lab) -> None:
    """A leftover lock record whose pid is that of another agent's run by now does not block."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",)))
    await lab.undisturbed("lane0")
    lab.script(Rule("other", Match(marker="other"), (Text("done", gate="other"),)))
    lab.hold("other")
    other = await lab.turn("lane1", actor="other")
    await lab.reached("other", by=[other])
    lab.plan("record of another run's pid")
    if lab.faulty and lab.target.plant_holder(lab.site, "lane0", other.pid):
        lab.fired("record of another run's pid")
    await (await lab.turn("lane0", actor="after-reuse")).finished()
    lab.release("other")
    await other.finished()


@scenario(
    "LCK-6",
    fault="the session is held by a run whose provider does not answer",
    needs=[Capability.TURN, Capability.SESSIONS],
    judges=[busy_is_typed],
)
async def test_second_run_of_a_held_session(lab: Lab) -> None:
    """The second run of a held session is refused in time, and learns who holds it, also by a gateway."""
    lab.prepare(Setup(agents=("lane0", "lane1"), session_wait_seconds=1.0))
    lab.script(Rule("stalled", Match(marker="holder"), (Text("done", gate="holder"),)))
    lab.hold("holder")
    holder = await lab.turn("lane0" if lab.faulty else "lane1", actor="holder")
    await lab.reached("holder", by=[holder])
    lab.look.tree("while the session is held")
    if Capability.RUNS in lab.target.capabilities:
        await lab.list_runs("list")
    if lab.faulty:
        second = await (await lab.turn("lane0", actor="second")).finished()
        if second.holder and second.holder.age is not None:
            # One more, when the age is that of the second's wait at least.
            await (await lab.turn("lane0", actor="third")).finished()
        if Capability.GATEWAY in lab.target.capabilities:
            gateway = await serving(lab)
            await lab.run(routed(lab, "lane0", "second-routed"), "second-routed")
            gateway.signal(signal.SIGTERM)
            await gateway.finished()
    lab.release("holder")
    await holder.finished()


@scenario(
    "LCK-7",
    fault="a tool of the run that holds the session starts another turn in that session, and waits for it",
    needs=[Capability.TURN, Capability.TIMEOUT, Capability.TOOLS, Capability.SESSIONS],
    judges=[run_does_not_wait_for_itself],
)
async def test_turn_within_a_turn(lab: Lab) -> None:
    """A run whose own tool asks for its session does not wait for itself."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",)))
    await _asks_for_its_own_session(lab, gateway=False)


@scenario(
    "LCK-7",
    fault="a tool of the run that holds the session has the gateway do another turn in that session, and waits for it",
    needs=[Capability.TURN, Capability.TIMEOUT, Capability.TOOLS, Capability.SESSIONS, Capability.GATEWAY],
    judges=[run_does_not_wait_for_itself],
)
async def test_turn_within_a_turn_by_the_gateway(lab: Lab) -> None:
    """A run whose own tool asks a gateway for its session does not wait for itself either."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",), session_wait_seconds=lab.patience))
    gateway = await serving(lab)
    await _asks_for_its_own_session(lab, gateway=True)
    gateway.signal(signal.SIGTERM)
    await gateway.finished()


async def _asks_for_its_own_session(lab: Lab, *, gateway: bool) -> None:
    """The turn "outer" has a tool that waits for the turn "inner"; in the control arm that is of another session."""
    timeout = await lab.undisturbed("lane0")
    lab.plan("a turn within a turn")
    inner = replace(lab.turning("lane0" if lab.faulty else "lane1", actor="inner"), gateway=gateway)
    call = lab.target.tool_call(lab.within(inner, "inner"))
    lab.script(Rule("inner", Match(marker="outer", turn_step=0), (call,)))
    await (await lab.turn("lane0", actor="outer", timeout=2 * timeout)).finished()
    for effect in ("inner-begun", "inner-ended"):
        lab.look.effect(effect)
    if lab.effects("inner-begun").exists():
        lab.fired("a turn within a turn")


@scenario(
    "LCK-8",
    fault="a run ends by an error, by its time-out, by SIGTERM, by SIGINT, and leaving wanted background work",
    needs=[Capability.TURN, Capability.TIMEOUT, Capability.SESSIONS],
    judges=[lock_released],
)
async def test_session_free_after_every_end(lab: Lab) -> None:
    """However a run ends, its session is free for the next."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    timeout = await lab.undisturbed("lane0")
    refused = Rule("refused", Match(marker="error"), (Status(400),))
    stalled = [Rule(name, Match(marker=name), (Text("done", gate=name),)) for name in ("timeout", "term", "int")]
    lab.script(*([refused] if lab.faulty else []), *stalled)
    await (await lab.turn("lane0", actor="error")).finished()
    await (await lab.turn("lane0", actor="after-error")).finished()
    lab.hold("timeout")
    late = await lab.turn("lane0", actor="timeout", timeout=timeout if lab.faulty else None)
    await lab.reached("timeout", by=[late])
    await late.finished()
    await (await lab.turn("lane0", actor="after-timeout")).finished()
    for name, number in (("term", signal.SIGTERM), ("int", signal.SIGINT)):
        lab.hold(name)
        victim = await lab.turn("lane0", actor=name)
        await lab.reached(name, by=[victim])
        lab.signal(victim, number)
        await lab.ends_within(victim, lab.patience)
        await (await lab.turn("lane0", actor=f"after-{name}")).finished()
    if lab.faulty and Capability.BACKGROUND in lab.target.capabilities:
        command = lab.build("background", *KINDS["session"])
        lab.script(*tool_then_text(lab, "background", command, background=True))
        await (await lab.turn("lane0", actor="background")).finished()
        if not await lab.look.beat("background"):
            raise TargetFailed("the background work was not seen at work after its turn")
        await (await lab.turn("lane0", actor="after-background")).finished()
