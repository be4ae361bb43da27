"""CHD, with real child work: an `npm install` and a compilation by `make`, and runs that end in the middle of it.

The work is made in scenarios/workloads.py; where the tools are missing, the shipped fake build stands in.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import Protocol

from harness.checkers.children import killed_tree_ends, no_unaccounted_survivor, workspace_quiet
from harness.lab import Lab
from harness.lab.actor import Actor
from harness.scenario import scenario
from harness.targets.protocol import CancelRun, Capability, Setup
from scenarios.child_work import GRACE, NEEDS, tool_then_text
from scenarios.workloads import Work, check_done, compiling, installing, until_at_work

Ending = Callable[[Lab, Actor], Awaitable[None]]


class Workload(Protocol):
    """Makes child work for an agent that ends soon, or outlives its run."""

    def __call__(self, lab: Lab, agent: str, *, lasting: bool) -> Work: ...


async def end_in_mid_work(lab: Lab, workload: Workload, ending: Ending) -> Actor:
    """A turn whose tool call does real work, ended in the middle of it; without the fault the work is short."""
    lab.prepare(Setup(agents=("lane0",), grace_seconds=0.5))
    work = workload(lab, "lane0", lasting=lab.faulty)
    lab.script(*tool_then_text(lab, "lane0", work.command))
    run = await lab.turn("lane0")
    if lab.faulty:
        await until_at_work(lab, work, run)
        lab.look.tree("before the end")
        await ending(lab, run)
        await lab.ends_within(run, GRACE)
    else:
        await run.finished()
        check_done(lab, work)
    return run


def by(number: signal.Signals) -> Ending:
    """The command gets a signal."""

    async def ending(lab: Lab, run: Actor) -> None:
        lab.signal(run, number)

    return ending


async def by_its_id(lab: Lab, run: Actor) -> None:
    """Another command cancels the run."""
    lab.plan("run cancelled")
    for row in await lab.list_runs("list"):
        await lab.run(CancelRun(id=row.id), "cancel")
        lab.fired("run cancelled")


@scenario("CHD-1", fault="SIGTERM in the middle of npm install", needs=NEEDS, judges=[no_unaccounted_survivor])
async def test_terminated_in_mid_install(lab: Lab) -> None:
    """A run that gets SIGTERM takes npm with it, and the install script that npm has started."""
    run = await end_in_mid_work(lab, installing, by(signal.SIGTERM))
    await lab.look.survivors(run, GRACE)


@scenario("CHD-2", fault="SIGKILL of the command in the middle of npm install", needs=NEEDS, judges=[killed_tree_ends])
async def test_killed_in_mid_install(lab: Lab) -> None:
    """After SIGKILL of the command npm ends too, and the install script that npm has started."""
    run = await end_in_mid_work(lab, installing, by(signal.SIGKILL))
    await lab.look.survivors(run, GRACE)


@scenario("CHD-1", fault="SIGINT in the middle of make", needs=NEEDS, judges=[no_unaccounted_survivor])
async def test_interrupted_in_mid_compile(lab: Lab) -> None:
    """A run that gets SIGINT takes make with it, and whichever compilers this has just started."""
    run = await end_in_mid_work(lab, compiling, by(signal.SIGINT))
    await lab.look.survivors(run, GRACE)


@scenario(
    "CHD-1",
    fault="a run is cancelled by its id in the middle of make",
    needs=[*NEEDS, Capability.RUNS, Capability.CANCEL],
    judges=[no_unaccounted_survivor],
)
async def test_cancelled_in_mid_compile(lab: Lab) -> None:
    """A run that is cancelled by its id takes make with it, and whichever compilers this has just started."""
    run = await end_in_mid_work(lab, compiling, by_its_id)
    await lab.look.survivors(run, GRACE)


@scenario("CHD-3", fault="SIGTERM in the middle of npm install", needs=NEEDS, judges=[workspace_quiet])
async def test_workspace_after_an_install(lab: Lab) -> None:
    """Once a run in mid-install has returned, nothing in its node_modules changes."""
    run = await end_in_mid_work(lab, installing, by(signal.SIGTERM))
    lab.look.workspace("lane0", "when the command had returned")
    await run.tree_ended(2)  # a tree that is gone cannot write; one that is not gets time to
    lab.look.workspace("lane0", "after the tree had ended, or two seconds")
