"""CHD: child work that behaves like a build, and runs that end while it is still going on."""

from __future__ import annotations

import signal

from fakes.script import Match, Rule, Status, Text
from harness.checkers.children import (
    CANCEL,
    CANCELLED,
    killed_is_not_success,
    killed_tree_ends,
    no_unaccounted_survivor,
    peers_unharmed,
)
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.scenario import scenario
from harness.targets.extras import delegation
from harness.targets.protocol import CancelRun, Capability, Setup
from scenarios.child_work import GRACE, KINDS, NEEDS, OUTLIVES, end_and_look, start_building, tool_then_text


@scenario("CHD-1", fault="SIGTERM in mid-build", needs=NEEDS, judges=[no_unaccounted_survivor])
async def test_terminated_in_mid_build(lab: Lab) -> None:
    """A run that gets SIGTERM takes its builds with it, whatever they ignore and wherever they have moved."""
    await end_and_look(lab, signal.SIGTERM)


@scenario("CHD-1", fault="SIGINT in mid-build", needs=NEEDS, judges=[no_unaccounted_survivor])
async def test_interrupted_in_mid_build(lab: Lab) -> None:
    """A run that gets SIGINT takes its builds with it."""
    await end_and_look(lab, signal.SIGINT)


@scenario("CHD-1", fault="SIGHUP in mid-build", needs=NEEDS, judges=[no_unaccounted_survivor])
async def test_hung_up_in_mid_build(lab: Lab) -> None:
    """A run whose terminal is closed takes its builds with it."""
    await end_and_look(lab, signal.SIGHUP)


@scenario(
    "CHD-1",
    fault="the time-out in mid-build",
    needs=[*NEEDS, Capability.TIMEOUT],
    judges=[no_unaccounted_survivor],
)
async def test_timed_out_in_mid_build(lab: Lab) -> None:
    """A run that times out takes its builds with it."""
    lab.prepare(Setup(agents=("lane0",), grace_seconds=0.5))
    lab.plan("time-out in mid-build")
    timeout = await lab.undisturbed("lane0")
    if not lab.faulty:
        run = await lab.turn("lane0", timeout=lab.target.patience)
    else:
        run = await start_building(lab, "lane0", timeout=timeout)
        lab.look.tree("before the time-out")
        lab.fired("time-out in mid-build")
    await run.finished()
    await lab.look.survivors(run, GRACE)


@scenario(
    "CHD-1",
    fault="builds that detach and live on when the shell command that started them has ended",
    needs=NEEDS,
    judges=[no_unaccounted_survivor],
)
async def test_detached_by_a_finished_command(lab: Lab) -> None:
    """A run that succeeds leaves nothing behind that it does not list."""
    lab.prepare(Setup(agents=("lane0",), grace_seconds=0.5))
    lab.plan("a daemon was left behind")
    daemon = lab.build("daemon", *KINDS["daemon"])
    lab.script(*tool_then_text(lab, "lane0", f"{daemon}; {lab.until_built('daemon')}" if lab.faulty else "true"))
    run = await lab.turn("lane0")
    await run.finished()
    if lab.heartbeat("daemon").exists():
        lab.fired("a daemon was left behind")
    await lab.look.survivors(run, GRACE)


@scenario(
    "CHD-1",
    fault="the provider fails for good after a build has detached",
    needs=NEEDS,
    judges=[no_unaccounted_survivor],
)
async def test_detached_by_a_failed_run(lab: Lab) -> None:
    """A run that fails leaves nothing behind that it does not list."""
    lab.prepare(Setup(agents=("lane0",), grace_seconds=0.5))
    lab.plan("the run failed after a build had detached")
    daemon = lab.build("daemon", *KINDS["daemon"])
    tool, text = tool_then_text(lab, "lane0", f"{daemon}; {lab.until_built('daemon')}" if lab.faulty else "true")
    refused = Rule("refused", Match(marker="lane0"), (Status(400),))
    lab.script(tool, refused if lab.faulty else text)
    run = await lab.turn("lane0")
    await run.finished()
    if lab.heartbeat("daemon").exists() and lab.replied_with_errors():
        lab.fired("the run failed after a build had detached")
    await lab.look.survivors(run, GRACE)


@scenario("CHD-2", fault="SIGKILL of the command in mid-build", needs=NEEDS, judges=[killed_tree_ends])
async def test_killed_in_mid_build(lab: Lab) -> None:
    """After SIGKILL of the command its builds end too."""
    await end_and_look(lab, signal.SIGKILL)


@scenario("CHD-2", fault="SIGKILL of the command's process group in mid-build", needs=NEEDS, judges=[killed_tree_ends])
async def test_killed_group_in_mid_build(lab: Lab) -> None:
    """After SIGKILL of the command's whole process group its builds end too."""
    await end_and_look(lab, signal.SIGKILL, to="group")


@scenario(
    "CHD-1",
    fault="SIGTERM while an agent is at a build that the run has given it",
    needs=[*NEEDS, Capability.SUBAGENTS],
    judges=[no_unaccounted_survivor],
)
async def test_terminated_while_another_agent_builds(lab: Lab) -> None:
    """A run that gets SIGTERM takes the agents with it that work for it, and their builds."""
    await _end_while_another_builds(lab, signal.SIGTERM)


@scenario(
    "CHD-2",
    fault="SIGKILL of the command's process group while an agent is at a build that the run has given it",
    needs=[*NEEDS, Capability.SUBAGENTS],
    judges=[killed_tree_ends],
)
async def test_killed_while_another_agent_builds(lab: Lab) -> None:
    """After SIGKILL of a run the agents that work for it end too, and their builds."""
    await _end_while_another_builds(lab, signal.SIGKILL, to="group")


async def _end_while_another_builds(lab: Lab, number: signal.Signals, *, to: str = "process") -> None:
    """Signal a run whose delegate is in mid-build, and look for survivors of either."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",), grace_seconds=0.5))
    gives = delegation(lab.target, "lane1", "[[lane1]] build it")
    build = lab.build("given", *KINDS["session"]) if lab.faulty else "true"
    lab.script(Rule("gives", Match(marker="lane0", turn_step=0), (gives,)), *tool_then_text(lab, "lane1", build))
    run = await lab.turn("lane0")
    if lab.faulty:
        if not await lab.look.beat("given", within=lab.target.patience, by=run):
            raise TargetFailed("the build never began to work: nobody was asked for it, or nobody did it")
        lab.look.tree("before the signal")
        lab.signal(run, number, to=to)
        await lab.ends_within(run, GRACE)
    else:
        await run.finished()
    await lab.look.survivors(run, GRACE)


@scenario(
    "CHD-5",
    fault="one of two building runs gets SIGTERM",
    needs=NEEDS,
    judges=[peers_unharmed],
)
async def test_peer_of_a_terminated_run(lab: Lab) -> None:
    """Ending one run leaves the builds of another alone."""
    lab.prepare(Setup(agents=("peer", "victim"), grace_seconds=0.5))
    scripts = [
        *tool_then_text(lab, "peer", lab.build("peer", *KINDS["session"])),
        *tool_then_text(lab, "victim", lab.build("victim", *KINDS["session"])),
    ]
    lab.script(*(scripts if lab.faulty else ()))
    peer, victim = await lab.turn("peer"), await lab.turn("victim")
    if not lab.faulty:
        await peer.finished()
        await victim.finished()
        return
    for child in ("peer", "victim"):
        if not await lab.look.beat(child, within=lab.target.patience):
            raise TargetFailed(f"{child} never began to work: the tool call was not carried out")
    lab.signal(victim, signal.SIGTERM)
    await lab.ends_within(victim, GRACE)
    await victim.tree_ended(2)
    await lab.look.beat("peer", more=OUTLIVES, within=GRACE)


@scenario(
    "CHD-5",
    fault="one of two building runs is cancelled by its id, and a run that waits for the session of the other",
    needs=[*NEEDS, Capability.RUNS, Capability.CANCEL],
    judges=[peers_unharmed],
)
async def test_peer_of_a_cancelled_run(lab: Lab) -> None:
    """Cancelling a run by its id leaves the builds of others alone: another agent's, and those of its own session."""
    lab.prepare(Setup(agents=("peer", "victim"), grace_seconds=0.5, session_wait_seconds=lab.patience))
    if not lab.faulty:
        await lab.list_runs("list")
        return
    lab.plan("victim cancelled")
    lab.script(
        *tool_then_text(lab, "peer", lab.build("peer", *KINDS["session"])),
        *tool_then_text(lab, "victim", lab.build("victim", *KINDS["session"])),
    )
    await lab.turn("peer")
    victim = await lab.turn("victim")
    for child in ("peer", "victim"):
        if not await lab.look.beat(child, within=lab.target.patience):
            raise TargetFailed(f"{child} never began to work: the tool call was not carried out")
    before = await lab.list_runs("list")
    cancelled = [row.id for row in before if row.agent == "victim"]
    if Capability.SESSIONS in lab.target.capabilities:
        queued = await lab.turn("peer", actor="queued")
        await lab.settled(queued)
        cancelled += {row.id for row in await lab.list_runs("list-queued")} - {row.id for row in before}
    for number, run in enumerate(cancelled):
        await lab.run(CancelRun(id=run), f"cancel{number}")
        lab.fired("victim cancelled")
    await lab.ends_within(victim, GRACE)
    await lab.look.beat("peer", more=OUTLIVES, within=GRACE)


@scenario(
    "CHD-7",
    fault="runs get SIGTERM, SIGINT, and their time-out, while their providers do not answer, or in mid-build; one "
    "gets SIGHUP, one is killed with SIGKILL, one cancelled by its id, and one refused by its provider",
    needs=[Capability.TURN, Capability.TIMEOUT],
    judges=[killed_is_not_success],
)
async def test_status_of_killed_runs(lab: Lab) -> None:
    """A run that was ended from outside says so, and neither it nor the list of runs calls it a success."""
    ends = ("timeout", "term", "int")
    cancels = {Capability.RUNS, Capability.CANCEL} <= lab.target.capabilities
    asking = (*ends, *(("hup", "kill", *((CANCELLED,) if cancels else ())) if lab.faulty else ()))
    building = tuple(f"{name}-building" for name in ends) if Capability.TOOLS in lab.target.capabilities else ()
    agents = ("other", "refused", *asking, *building)
    lab.prepare(Setup(agents=agents, models=("anthropic",), grace_seconds=0.5))
    timeout = await lab.undisturbed("other")
    builds = [rule for name in building for rule in tool_then_text(lab, name, lab.build(name, *KINDS["plain"]))]
    held = [Rule(name, Match(marker=name), (Text("done", gate=name),)) for name in asking]
    refused = Rule("refused", Match(marker="refused"), (Status(400),))
    lab.script(refused, *held, *(builds if lab.faulty else []))
    if lab.faulty:
        await (await lab.turn("refused")).finished()
    for name in asking:
        lab.hold(name)
    names = (*asking, *(building if lab.faulty else ()))
    timeouts = {name: timeout for name in names if name.startswith("timeout") and lab.faulty}
    runs = {name: await lab.turn(name, timeout=timeouts.get(name)) for name in names}
    for name, run in runs.items():
        if name in asking:
            await lab.reached(name, by=[run])
        elif not await lab.look.beat(name, within=lab.target.patience, by=run):
            raise TargetFailed(f"{name} never began to work: the tool call was not carried out")
    numbers = {"term": signal.SIGTERM, "int": signal.SIGINT, "hup": signal.SIGHUP, "kill": signal.SIGKILL}
    for name, run in runs.items():
        if (number := numbers.get(name.partition("-")[0])) is not None:
            lab.signal(run, number)
    if CANCELLED in runs:
        ids = [row.id for row in await lab.list_runs("list-before") if row.agent == CANCELLED]
        for identifier in ids:
            await lab.run(CancelRun(id=identifier), CANCEL)
        await lab.ends_within(runs[CANCELLED], GRACE)
        lab.release(CANCELLED)  # whoever goes on after all has an answer
    for run in runs.values():
        await run.finished()
    if lab.faulty and Capability.RUNS in lab.target.capabilities:
        await lab.list_runs("list-after", everything=True)
