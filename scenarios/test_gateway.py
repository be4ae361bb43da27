"""LCK, FLO, CHD: gateways that are started beside one another, lost while they have a turn, or told to end one."""

from __future__ import annotations

import signal
from dataclasses import replace

from fakes.script import Match, Rule, Text
from harness.checkers.children import peers_unharmed
from harness.checkers.gateway_loss import (
    AFTER,
    GATEWAY,
    LOST,
    WORKER_KILLED,
    lost_gateway_is_final,
    lost_worker_is_final,
)
from harness.checkers.large_state import gateway_keeps_nothing
from harness.checkers.one_gateway import KEPT, LIST_KEPT, one_gateway
from harness.checkers.operator import (
    DEADLINE_SLACK,
    WHEN_OVER,
    WORKER_STOPPED,
    deadline_holds,
    stopped_turns_are_over,
)
from harness.checkers.resources import crowded_gateway_is_weathered
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.limits import few_descriptors
from harness.scenario import WATCH_ORDER, scenario
from harness.targets.protocol import CancelRun, Capability, RunGateway, Setup
from scenarios.child_work import KINDS, NEEDS, OUTLIVES, tool_then_text
from scenarios.gateway import routed, serving

ENDS = {"killed": signal.SIGKILL, "terminated": signal.SIGTERM}
GRACE = 5.0  # seconds for the client to notice; a gateway that drains by waiting for the turn is then let finish it


@scenario(
    "LCK-9",
    fault="a second gateway is started while the first waits for the answer to a turn, and a third by another path to "
    "the state directory, a symbolic link",
    needs=[Capability.TURN, Capability.GATEWAY, Capability.RUNS],
    judges=[one_gateway],
)
async def test_second_gateway(lab: Lab) -> None:
    """A gateway that is started beside another says so and ends, and the first goes on with its turn."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",), grace_seconds=0.5))
    lab.script(Rule(KEPT, Match(marker=KEPT), (Text("done", gate=KEPT),)))
    lab.hold(KEPT)
    first = await serving(lab, "gateway-1")
    kept = await lab.start(routed(lab, "lane0", KEPT), KEPT)
    await lab.reached(KEPT, by=[first, kept])
    if lab.faulty:
        await lab.settled(await lab.start(RunGateway(), "gateway-2"))
        alias = lab.site.root / "alias"
        alias.symlink_to(lab.site.home)
        with lab.at_home(alias):
            await lab.settled(await lab.start(RunGateway(), "gateway-3"))
        await lab.list_runs(LIST_KEPT, everything=True)
    lab.release(KEPT)
    await kept.finished()
    await lab.run(routed(lab, "lane1", "after"), "after")


@scenario(
    "LCK-9",
    fault="two gateways' operations on the state directory take place one at a time, in a chosen order",
    needs=[Capability.TURN, Capability.GATEWAY],
    watch=WATCH_ORDER,
    scheduled=True,
    judges=[one_gateway],
)
async def test_two_gateways_at_once(lab: Lab) -> None:
    """Of two gateways that are started at the same moment one serves, and the other says so and ends."""
    names = ("gateway-1", "gateway-2") if lab.faulty else ("gateway-1",)
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",), grace_seconds=0.5))
    async with lab.scheduled("the starts of the gateways in a chosen order", parties=len(names)):
        gateways = [await lab.start(RunGateway(), name) for name in names]
        for gateway in gateways:
            await lab.speaks(gateway)
        await lab.settled(*gateways)
    await lab.run(routed(lab, "lane0", "after"), "after")


@scenario(
    "FLO-9",
    fault="the gateway is killed, or terminated, while it waits for the answer to a turn; another is started, also "
    "where the turn's command has not ended by then",
    needs=[Capability.TURN, Capability.GATEWAY],
    judges=[lost_gateway_is_final],
)
async def test_lost_gateway(lab: Lab) -> None:
    """A turn whose gateway is lost is reported as lost, and not begun again elsewhere."""
    for name, number in ENDS.items():
        lab.prepare(Setup(agents=("lane0",), models=("anthropic",), grace_seconds=0.5), home=f"home-{name}")
        gateway = await serving(lab, f"{GATEWAY}{name}")
        lab.script(Rule(name, Match(marker=name), (Text("done", gate=name),)))
        lab.hold(name)
        lab.plan(f"{name}: the gateway has the turn")
        run = await lab.start(routed(lab, "lane0", name), name)
        await lab.reached(name, by=[gateway])
        if lab.look.asking(name) == gateway.name:
            lab.fired(f"{name}: the gateway has the turn")
        lab.signal(gateway, number)
        await lab.ends_within(run, GRACE)
        lab.release(name)
        await lab.ends_within(run, GRACE if lab.faulty else lab.patience)
        gateway.signal(signal.SIGTERM)  # in the control arm it is still there
        await gateway.finished()
        again = await lab.start(RunGateway(), f"{GATEWAY}{name}-again")
        if await lab.speaks(again):  # whether it can start at all is CHD-8
            await lab.settled(again)  # were it to take the turn up, its request would be there
            await lab.ends_within(run, GRACE)  # or its client may have waited for this one, to give it the turn anew
        again.signal(signal.SIGTERM)
        await again.finished()
        await run.finished()


@scenario(
    "FLO-9",
    fault="the process that does a turn for the gateway is killed with SIGKILL while it waits for the answer",
    needs=[Capability.TURN, Capability.GATEWAY, Capability.RUNS, Capability.RUN_RECORDS],
    judges=[lost_worker_is_final],
)
async def test_lost_worker(lab: Lab) -> None:
    """A turn whose worker is lost is reported as lost and not begun again, and its session is free."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",), grace_seconds=0.5))
    gateway, patience = await serving(lab), lab.patience
    bound = min(patience, 2 * await lab.undisturbed("lane0") + GRACE)
    lab.script(Rule("lost", Match(marker=LOST), (Text("done", gate=LOST),)))
    lab.hold(LOST)
    lab.plan(WORKER_KILLED)
    lab.patience = bound  # a client that is told nothing would hang: of that one alone
    run = await lab.start(routed(lab, "lane0", LOST), LOST)
    await lab.reached(LOST, by=[gateway, run])
    for row in await lab.list_runs("list"):
        if row.pid not in (None, gateway.pid, run.pid):
            lab.kill(row.pid, WORKER_KILLED)
    lab.patience = patience
    await lab.ends_within(run, bound)
    lab.release(LOST)
    await run.finished()
    await lab.run(routed(lab, "lane0", AFTER), AFTER)
    gateway.signal(signal.SIGTERM)
    await gateway.finished()


@scenario(
    "OPS-3",
    fault="the process that does a turn for the gateway is stopped (SIGSTOP) while it waits for the answer, and so is "
    "that of a turn for which nobody waits; both have a time-out",
    needs=[Capability.TURN, Capability.GATEWAY, Capability.RUNS, Capability.TIMEOUT],
    judges=[deadline_holds, stopped_turns_are_over],
)
async def test_stopped_worker(lab: Lab) -> None:
    """A turn whose worker is stopped is over with its time-out, for whoever waits for it, and where nobody does."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",), grace_seconds=0.5))
    gateway, timeout = await serving(lab), 2 * await lab.undisturbed("lane0")  # two begin in it, and are listed
    lab.patience = min(lab.patience, timeout + 3 * DEADLINE_SLACK)
    bound = timeout if lab.faulty else None
    turns = [routed(lab, "lane0", "lane0", timeout=bound)]
    if Capability.DETACH in lab.target.capabilities:
        turns.append(replace(routed(lab, "lane1", "lane1", timeout=bound), detached=True))
    lab.script(*(Rule(turn.agent, Match(marker=turn.agent), (Text("done", gate=turn.agent),)) for turn in turns))
    lab.plan(WORKER_STOPPED)
    for turn in turns:
        lab.hold(turn.agent)
    runs, workers = [await lab.start(turn, turn.agent) for turn in turns], list[int]()
    for turn in turns:
        await lab.reached(turn.agent, by=[gateway, *runs])
    for row in await lab.list_runs("list"):
        if row.pid is not None and row.pid not in (gateway.pid, *(run.pid for run in runs)):
            lab.kill(row.pid, WORKER_STOPPED, signal.SIGSTOP)
            workers.append(row.pid)
    for run in runs:
        await run.finished()
    for pid in workers if lab.faulty else ():
        await lab.gone(pid, within=timeout + DEADLINE_SLACK)
    lab.look.tree(WHEN_OVER)
    for turn in turns:
        lab.release(turn.agent)
    gateway.signal(signal.SIGTERM)
    await gateway.finished()


@scenario(
    "RES-4",
    fault="",
    needs=[Capability.TURN, Capability.GATEWAY],
    judges=[gateway_keeps_nothing],
    not_verified=["threads, of which a pool may begin some as they are needed"],
)
async def test_gateway_after_each_turn(lab: Lab) -> None:
    """A gateway that has done a turn has nothing more open than after the one before."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",)))
    gateway = await serving(lab)
    for number in range(4):
        await lab.run(routed(lab, "lane0", f"turn-{number}"), f"turn-{number}")
        await lab.settled(gateway)
        lab.look.holdings(gateway, f"after turn {number}")


@scenario(
    "RES-3",
    fault="a gateway that has a turn has no descriptor left for a second client, and two for a third",
    needs=[Capability.TURN, Capability.GATEWAY],
    judges=[crowded_gateway_is_weathered],
    not_verified=["that it waits without using up a processor"],
)
async def test_gateway_out_of_descriptors(lab: Lab) -> None:
    """A gateway that has no descriptor for a client refuses it, keeps the turn that it has, and serves others later."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",), grace_seconds=0.5))
    lab.script(Rule("kept", Match(marker="kept"), (Text("done", gate="kept"),)))
    lab.hold("kept")
    gateway = await serving(lab)
    kept = await lab.start(routed(lab, "lane0", "kept"), "kept")
    await lab.reached("kept", by=[kept, gateway])
    lab.plan("a gateway without descriptors")
    for free in (0, 2) if lab.faulty else ():
        with few_descriptors(gateway.pid, free=free) as limited:
            await lab.run(routed(lab, "lane1", f"crowded-{free}"), f"crowded-{free}")
            if limited:
                lab.fired("a gateway without descriptors", f"{free} are left")
    await lab.run(routed(lab, "lane1", "after"), "after")
    lab.release("kept")
    await kept.finished()


@scenario(
    "CHD-5",
    fault="one of three building runs of a gateway is cancelled by its id, and whoever waits for another gets SIGTERM",
    needs=[*NEEDS, Capability.GATEWAY, Capability.RUNS, Capability.CANCEL],
    judges=[peers_unharmed],
)
async def test_peer_of_a_run_cancelled_in_the_gateway(lab: Lab) -> None:
    """Cancelling a run that a gateway does leaves the gateway alone, and what else it does."""
    lab.prepare(Setup(agents=("peer", "victim", "given-up"), grace_seconds=0.5))
    lab.plan("victim cancelled")
    names = ("peer", "victim", "given-up") if lab.faulty else ("peer", "victim")
    builds = {name: lab.build(name, *KINDS["session"]) if lab.faulty else "true" for name in names}
    lab.script(*(rule for name, build in builds.items() for rule in tool_then_text(lab, name, build)))
    await serving(lab)
    runs = [await lab.start(routed(lab, name, name), name) for name in builds]
    if not lab.faulty:
        for run in runs:
            await run.finished()
        return
    for name, run in zip(builds, runs, strict=True):
        if not await lab.look.beat(name, within=lab.target.patience, by=run):
            raise TargetFailed(f"{name} never began to work: the tool call was not carried out")
    for row in await lab.list_runs("list"):
        if row.agent == "victim":
            await lab.run(CancelRun(id=row.id), "cancel")
            lab.fired("victim cancelled")
    lab.signal(runs[2], signal.SIGTERM)
    for ended in runs[1:]:
        await lab.ends_within(ended, GRACE)
    await lab.look.beat("peer", more=OUTLIVES, within=GRACE)
