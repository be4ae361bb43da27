"""CHD-6 to CHD-9: processes end, and what is known of them outlives them."""

from __future__ import annotations

import signal
from dataclasses import replace

from fakes.script import Match, Rule, Stall, Text
from harness.checkers.children import (
    RECYCLED,
    given_up_is_not_success,
    killed_is_not_success,
    recycled_pid_is_spared,
    signals_are_told,
)
from harness.checkers.exits import LINGERING, exits_when_done
from harness.checkers.gateway import restart_recovers, restart_recovers_anywhere
from harness.conductor.calls import Family
from harness.conductor.stopped import StoppedCall
from harness.conductor.troubles import CRASH, ENDED
from harness.errors import TargetFailed
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.lab.look import worker
from harness.lab.renumbering import renumber
from harness.lab.striking import Strike, sweep
from harness.scenario import WATCH_CHANGES, scenario
from harness.targets.extras import recycle
from harness.targets.protocol import CancelRun, Capability, RunGateway, Setup
from scenarios.child_work import GRACE, KINDS, NEEDS, OUTLIVES, tool_then_text
from scenarios.gateway import routed, serving
from scenarios.work import Rounds, providers

EVERY_FRAME = 1000  # more than any answer here has


def is_of_a_socket(call: StoppedCall) -> bool:
    """Whether it gives a socket its name, or lets it be connected to."""
    return call.kind.name == "bind" or call.kind.family is Family.SERVE


@scenario(
    "CHD-6",
    fault="the provider leaves the connection open after the whole answer",
    needs=[Capability.TURN],
    judges=[exits_when_done],
)
async def test_connection_left_open(lab: Lab) -> None:
    """A command ends when its turn is done, and does not wait for the provider to hang up."""
    lab.prepare(Setup(agents=("lane0", "lane1"), models=("anthropic",)))
    timeout = await lab.undisturbed("lane0")
    lab.patience = min(lab.patience, 2 * timeout + 5)
    credential = lab.credential("codex")
    for provider in providers(lab):
        name, fault = f"{LINGERING}-{provider}", f"{provider}'s connection left open"
        lab.plan(fault)
        setup = Setup(agents=("lane0", "lane1"), models=(provider,), credential=credential)
        lab.prepare(setup, home=f"home-{provider}")
        left_open = Stall(after_frames=EVERY_FRAME, answer=Text("done"), gate=provider)
        lab.script(Rule(name, Match(marker=name), (left_open if lab.faulty else Text("done"),)))
        await (await lab.turn("lane1", actor=name)).finished()
        if lab.was_held(provider):
            lab.fired(fault)
    lab.look.locks()
    lab.look.ports()


@scenario(
    "CHD-8",
    fault="the gateway is killed with SIGKILL, its process group with it, while it has a run and has just accepted "
    "another, whose process has written nothing yet; what it has left of its pid is that of another process by then",
    needs=[Capability.TURN, Capability.GATEWAY, Capability.RUNS],
    watch=WATCH_CHANGES,
    judges=[restart_recovers],
)
async def test_gateway_killed_and_restarted(lab: Lab) -> None:
    """After a gateway was killed another starts in its place, and the runs of the first are known to be over."""
    lab.prepare(Setup(agents=("lane0", "lane1", "lane2"), models=("anthropic",), grace_seconds=0.5))
    lab.script(Rule("cut", Match(marker="cut"), (Text("done", gate="cut"),)))
    lab.hold("cut")
    first = await serving(lab, "gateway-1")
    cut = await lab.start(routed(lab, "lane0", "cut"), "cut")
    await lab.reached("cut", by=[first, cut])
    await lab.list_runs("list-before")
    if Capability.DETACH in lab.target.capabilities:
        await _killed_as_it_accepts(lab, first)
    else:
        lab.signal(first, signal.SIGKILL, to="group")
    if lab.faulty:
        await cut.finished()
        await lab.look.survivors(first, GRACE)
        records = renumber(lab.site.home, first.pid, lab.launcher.pid)
        lab.note(f"{records} records of the dead gateway name a process that has nothing to do with it")
        second = await lab.start(RunGateway(), "gateway-2")
        if not await lab.speaks(second) and not second.exited:
            raise TargetFailed("the second gateway neither says that it listens nor ends")
    await lab.list_runs("list-after", everything=True)
    await lab.run(routed(lab, "lane1", "after"), "after")


async def _killed_as_it_accepts(lab: Lab, gateway: Actor) -> None:
    """The gateway is killed once it has accepted a turn that nobody waits for, before its worker writes anything."""

    def of_a_worker(call: StoppedCall) -> bool:
        return call.actor == gateway.name and call.process != gateway.pid and lab.is_state(call)

    async with lab.kept("the worker of an accepted turn kept before it writes", where=of_a_worker) as until_kept:
        turn = replace(routed(lab, "lane2", "detached"), detached=True)
        accepted = await lab.start(turn, "detached")
        await until_kept(gateway)
        await lab.ends_within(accepted, GRACE)
        lab.signal(gateway, signal.SIGKILL, to="group")
        if lab.faulty:
            await gateway.finished()  # before its worker may go on
    await accepted.finished()


@scenario(
    "CHD-8",
    fault="a gateway is killed before, or in the middle of, one of the operations of its start; another is started",
    needs=[Capability.TURN, Capability.GATEWAY],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[restart_recovers_anywhere],
)
async def test_gateway_killed_at_its_start(lab: Lab) -> None:
    """Wherever in its start a gateway is killed, also between its socket's name and its listening, the next serves."""

    async def start(name: str, strike: Strike) -> None:
        lab.prepare(Setup(agents=("lane0",), models=("anthropic",), grace_seconds=0.5), home=f"home-{name}")
        async with strike():
            first = await lab.start(RunGateway(), name)
            await lab.speaks(first)
            first.signal(signal.SIGTERM)
            await first.finished()
        again = await lab.start(RunGateway(), f"{name}-again")
        await lab.speaks(again)
        await lab.settled(again)  # it has told of a failure and ended, or waits for clients
        await lab.run(routed(lab, "lane0", f"{name}-turn"), f"{name}-turn")
        again.signal(signal.SIGTERM)
        await again.finished()

    await sweep(lab, start, what="gateways killed at their start", faults=CRASH, most=8, crucial=is_of_a_socket)


@scenario(
    "CHD-9",
    fault="a run is killed, and its pid is given to the build of another run before the dead one is cancelled",
    needs=[*NEEDS, Capability.RUNS, Capability.CANCEL, Capability.RUN_RECORDS],
    judges=[recycled_pid_is_spared],
    not_verified=["pids of background jobs"],
)
async def test_cancel_when_the_pid_was_reused(lab: Lab) -> None:
    """Cancelling a run that is dead harms nobody who has its pid now."""
    lab.prepare(Setup(agents=("peer", "victim"), models=("anthropic",), grace_seconds=0.5))
    lab.plan(RECYCLED)
    build = tool_then_text(lab, "peer", lab.build("peer", *KINDS["plain"]) if lab.faulty else "true")
    lab.script(*build, Rule("victim", Match(marker="victim"), (Text("done", gate="victim"),)))
    lab.hold("victim")
    peer, victim = await lab.turn("peer"), await lab.turn("victim")
    await lab.reached("victim", by=[victim])
    if not lab.faulty:
        await peer.finished()
        await victim.finished()
        return
    if not await lab.look.beat("peer", within=lab.target.patience, by=peer):
        raise TargetFailed("the peer's build never began: the tool call was not carried out")
    run, *_ = [row for row in await lab.list_runs("list") if row.agent == "victim"]
    lab.signal(victim, signal.SIGKILL, to="group")
    await victim.finished()
    stranger = worker(lab.heartbeat("peer"))
    if stranger and run.pid and recycle(lab.target, lab.site, run.pid, stranger):
        lab.fired(RECYCLED)
    await lab.run(CancelRun(id=run.id), "cancel")
    await lab.look.beat("peer", more=OUTLIVES, within=GRACE)


@scenario(
    "CHD-7",
    fault="runs get SIGTERM while they wait for a session, or for a gateway that does their turn",
    needs=[Capability.TURN, Capability.SESSIONS],
    judges=[killed_is_not_success],
)
async def test_status_of_waiting_runs(lab: Lab) -> None:
    """A run that waits for something else than its provider ends by a signal all the same, and says so."""
    long = lab.patience  # longer than one is let wait that hears no signal
    agents = ("held", "routed")
    lab.prepare(Setup(agents=agents, models=("anthropic",), session_wait_seconds=long, idle_seconds=long))
    bound = min(lab.patience / 2, 2 * await lab.undisturbed("held") + GRACE)
    held = ("held", "routed") if Capability.GATEWAY in lab.target.capabilities else ("held",)
    lab.script(*(Rule(name, Match(marker=name), (Text("done", gate=name),)) for name in held))
    for name in held:
        lab.hold(name)
    holder = await lab.turn("held")
    await lab.reached("held", by=[holder])
    patience, lab.patience = lab.patience, bound  # one that hears no signal would hang: of that one alone
    victims = [await lab.turn("held", actor="term-waiting")] if lab.faulty else []
    lab.patience = patience
    await lab.settled(*victims)
    if "routed" in held:
        gateway = await serving(lab)
        victims.append(await lab.start(routed(lab, "routed", "routed"), "routed"))
        await lab.reached("routed", by=[*victims, gateway])
    lab.plan("SIGTERM to a run that waits")
    for victim in victims:
        if not victim.exited:  # it may have been refused, or have run beside the other
            lab.signal(victim, signal.SIGTERM)
            lab.fired("SIGTERM to a run that waits")
        await victim.finished()
    for name in held:
        lab.release(name)
    await holder.finished()


@scenario(
    "CHD-7",
    fault="a turn's model asks for a tool in every answer, until the turn has had as many as it may have",
    needs=[Capability.TURN, Capability.TOOLS, Capability.STEPS],
    judges=[given_up_is_not_success],
)
async def test_turn_of_too_many_steps(lab: Lab) -> None:
    """A turn that is given up after so many answers has no result, and does not say that it has."""
    lab.prepare(Setup(agents=("lane0",), models=("anthropic",), max_steps=2))
    call = lab.target.tool_call("true")
    last = (call,) if lab.faulty else (Text("done"),)
    lab.script(Rule("first", Match(marker="lane0", turn_step=0), (call,)), Rule("last", Match(marker="lane0"), last))
    lab.plan("a tool asked for to the last")
    await (await lab.turn("lane0")).finished()
    if lab.met("last"):
        lab.fired("a tool asked for to the last")
    if Capability.RUNS in lab.target.capabilities:
        await lab.list_runs("list", everything=True)


@scenario(
    "CHD-7",
    fault="a turn, the first in its home, gets SIGINT or SIGTERM at one of its operations on its files",
    needs=[Capability.TURN],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[signals_are_told],
)
async def test_turn_signalled_anywhere(lab: Lab) -> None:
    """A turn that a signal meets at any operation ends with the status for that, whatever it was about to do."""
    await sweep(lab, Rounds(lab).turn, what="a turn that gets a signal", faults=ENDED, most=8)


@scenario(
    "CHD-7",
    fault="the repair of a damaged config gets SIGINT or SIGTERM at one of its operations on its files",
    needs=[Capability.ADD_AGENTS, Capability.CHECK_UP],
    watch=WATCH_CHANGES,
    exact=True,
    judges=[signals_are_told],
)
async def test_repair_signalled_anywhere(lab: Lab) -> None:
    """A repair that a signal meets at any operation ends with the status for that, and not as one that has failed."""
    await sweep(lab, Rounds(lab).repair, what="a repair that gets a signal", faults=ENDED, most=8)
