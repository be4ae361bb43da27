"""Runs and the gateway, by really running the program while a turn waits for its model."""

from __future__ import annotations

import signal
from dataclasses import replace

from fakes.script import Match, Rule, Text
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.outcome import RunSeen
from harness.processes import tree
from harness.targets.conformance.check import check, ended, require
from harness.targets.conformance.material import AGENT, held_turn, models, prepared
from harness.targets.extras import grow, recycle
from harness.targets.protocol import CancelRun, Capability, RunGateway, Setup


async def _only_run(lab: Lab, actor: str, run: Actor) -> RunSeen:
    rows = await lab.list_runs(actor)
    require(
        len(rows) == 1 and rows[0].agent == AGENT and rows[0].id,
        f"one turn of {AGENT} is running, and the list has {rows}: {ended(lab, actor)}",
        "let read give each run's id and agent as RunSeen, those that are running alone",
    )
    family = tree.family({run.pid})
    require(
        rows[0].pid is None or rows[0].pid in family,
        f"the run that is listed has the pid {rows[0].pid}, and its processes are {sorted(family)}",
        "give the pid as the program lists it, else None",
    )
    return rows[0]


@check(Capability.TURN, Capability.RUNS)
async def test_a_running_turn_is_listed(lab: Lab) -> None:
    """A turn that waits is listed, and afterwards only among all runs."""
    prepared(lab)
    async with held_turn(lab) as run:
        row = await _only_run(lab, "list", run)
    after = await lab.list_runs("list-after")
    require(not after, f"the turn has ended, and the list has {after}", "ListRuns() is about the runs that are alive")
    everything = await lab.list_runs("list-all", everything=True)
    require(
        row.id in {each.id for each in everything},
        f"the run {row.id} is not among all runs after its end: {ended(lab, 'list-all')}",
        "ListRuns(everything=True) is about those that have ended, too",
    )


@check(Capability.TURN, Capability.RUNS, Capability.CANCEL)
async def test_a_run_is_cancelled_by_its_id(lab: Lab) -> None:
    """The id that the list gives is one that CancelRun takes: the run ends, and is not ok."""
    prepared(lab)
    async with held_turn(lab) as run:
        row = await _only_run(lab, "list", run)
        outcome = await lab.run(CancelRun(id=row.id), "cancel")
        require(
            outcome.ok and await lab.ends_within(run, lab.patience),
            f"the run {row.id} was cancelled: ok={outcome.ok}, {ended(lab, 'cancel')}; the run: {ended(lab, run.name)}",
            "give as RunSeen.id what the command for CancelRun takes; else leave CANCEL out",
        )
        cancelled = await run.finished()
        require(not cancelled.ok, f"read says ok of a cancelled run: {ended(lab, run.name)}", "let read see its end")


@check(Capability.TURN, Capability.RUNS, Capability.RUN_RECORDS)
async def test_a_record_can_name_another_process(lab: Lab) -> None:
    """`recycle` replaces the pid in every record of a run, and says whether there was one."""
    prepared(lab)
    async with held_turn(lab) as run:
        pid = (await _only_run(lab, "list", run)).pid
        require(pid is not None, "the run that is listed has no pid", "without one leave RUN_RECORDS out")
        assert pid is not None
        stranger = lab.launcher.pid
        there = [recycle(lab.target, lab.site, *pair) for pair in ((pid, stranger), (pid, stranger), (stranger, pid))]
    require(
        there == [True, False, True],
        f"recycle of the run's pid, of the same again, and back gave {there}, and should give [True, False, True]",
        "change the pid in every record that names it, nothing else; True if there was one",
    )


@check(Capability.ADD_AGENTS, Capability.TURN, Capability.RUNS, Capability.LARGE_STATE)
async def test_a_state_can_be_multiplied(lab: Lab) -> None:
    """`grow` makes agents that the program lists and can use, and runs that it lists."""
    lab.prepare(Setup(agents=("agent0",), models=models(lab.target)))
    await (await lab.turn("agent0", actor="first")).finished()
    grow(lab.target, lab.site, agents=3, sessions=5)
    agents, wanted = set(await lab.list_agents()), {"agent0", "agent1", "agent2"}
    require(agents == wanted, f"the list of agents is {sorted(agents)}", f"make of agent0 {sorted(wanted)}")
    runs = await lab.list_runs("list-all", everything=True)
    found = {run.agent for run in runs}
    require(
        len({run.id for run in runs}) == 5 and found == wanted,
        f"after one run there should be 5, of all agents, and there are {len(runs)}, of {sorted(found)}",
        "copy the run's record with another id for each session, and give the sessions to the agents in turn",
    )
    outcome = await (await lab.turn("agent2", actor="after")).finished()
    require(outcome.ok, f"no turn of a new agent: {ended(lab, 'after')}", "give each new agent a workspace, too")


@check(Capability.TURN, Capability.GATEWAY)
async def test_a_gateway_runs_a_turn(lab: Lab) -> None:
    """RunGateway says something once it serves, and a turn with `gateway` is then asked by it."""
    prepared(lab)
    lab.script(Rule("routed", Match(marker="routed"), (Text("by-gateway", gate="routed"),)))
    lab.hold("routed")
    gateway = await lab.start(RunGateway(), "gateway")
    require(
        await lab.speaks(gateway),
        f"the gateway said nothing on stdout: {ended(lab, 'gateway')}",
        "the command for RunGateway stays in the foreground, and prints when it listens",
    )
    run = await lab.start(replace(lab.turning(AGENT, actor="routed"), gateway=True), "routed")
    await lab.reached("routed", by=[gateway])
    asker = lab.look.asking("routed")
    lab.release("routed")
    outcome = await run.finished()
    require(
        asker == gateway.name,
        f"the model was asked by {asker or 'nobody'}, not by the gateway: {ended(lab, 'routed')}",
        "let Turn(gateway=True) go through the gateway of this home; else leave GATEWAY out",
    )
    require(
        outcome.ok and "by-gateway" in outcome.text, f"no answer: {ended(lab, 'routed')}", "read it as a local turn"
    )
    gateway.signal(signal.SIGTERM)
    await gateway.finished()


@check(Capability.TURN, Capability.GATEWAY, Capability.RUNS, Capability.DETACH)
async def test_a_detached_turn_is_not_waited_for(lab: Lab) -> None:
    """The command of a turn with `detached` ends while the gateway still has the turn."""
    prepared(lab)
    lab.script(Rule("detached", Match(marker="detached"), (Text("done", gate="detached"),)))
    lab.hold("detached")
    gateway = await lab.start(RunGateway(), "gateway")
    await lab.speaks(gateway)
    turn = replace(lab.turning(AGENT, actor="detached"), gateway=True, detached=True)
    run = await lab.start(turn, "detached")
    await lab.reached("detached", by=[gateway])
    await lab.ends_within(run, lab.target.patience / 2)
    ended_first = run.exited
    lab.release("detached")
    outcome = await run.finished()
    require(
        ended_first and outcome.ok,
        f"the command of a detached turn waits for its end, or fails: {ended(lab, 'detached')}",
        "let Turn(detached=True) end with success once the gateway has accepted the turn; else leave DETACH out",
    )
    gateway.signal(signal.SIGTERM)
    await gateway.finished()
