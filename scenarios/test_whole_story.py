"""END-1: what openclaw #43367 tells, from the first add to the last survivor."""

from __future__ import annotations

import signal

from fakes.oauth import OAuthSettings
from fakes.script import Match, Rule, Status, Text
from harness.checkers.story import whole_story
from harness.lab import Lab, repository
from harness.scenario import WATCH_CONTENTION, scenario
from harness.targets.protocol import Capability, Setup

LANES = ("lane0", "lane1", "lane2", "lane3")
BUILD = ("--double-fork", "--new-session", "--ignore-term")
GRACE = 5.0  # seconds


def make_worktrees(lab: Lab) -> None:
    """One real repository with a worktree for each lane, where the agents' workspaces are to be."""
    folder = repository.make(lab.site.root / "repository")
    for lane in LANES:
        repository.add_worktree(folder, lab.site.workspace(lane), branch=lane)


def models(lab: Lab) -> list[Rule]:
    """Every lane builds first. One provider is overloaded for lane1; lanes 2 and 3 build for longer than they live."""
    rules = [Rule("overloaded", Match(marker="lane1", provider="codex"), (Status(529),))] if lab.faulty else []
    for lane in LANES:
        lasting = lab.faulty and lane in ("lane2", "lane3")
        command = lab.build(lane, *BUILD) if lasting else lab.build(lane, *BUILD, seconds=0.3)
        hangs = "; sleep 120" if lasting else ""
        build = lab.target.tool_call(f"{command}; {lab.until_built(lane)}{hangs}")
        rules.append(Rule(f"{lane}-build", Match(marker=lane, turn_step=0), (build,)))
        rules.append(Rule(f"{lane}-text", Match(marker=lane), (Text("done"),)))
    return rules


@scenario(
    "END-1",
    fault="adds and grants held, one provider overloaded, one run terminated and one timed out in mid-build",
    needs=[
        Capability.ADD_AGENTS,
        Capability.TURN,
        Capability.TIMEOUT,
        Capability.FAILOVER,
        Capability.OAUTH,
        Capability.TOOLS,
    ],
    watch=WATCH_CONTENTION,
    oauth=OAuthSettings(gate_before_commit="grant"),
    judges=[whole_story],
)
async def test_whole_story(lab: Lab) -> None:
    """Four worktrees, adds and runs at once, with builds as children: what should live does, and nothing else."""
    make_worktrees(lab)
    order = ("codex", "anthropic", "gemini")
    lab.prepare(Setup(agents=("probe",), models=order, credential=lab.credential("probe"), grace_seconds=0.5))
    timeout = await probe(lab)
    async with lab.barrier("adds held before writing the config", parties=4, where=lab.is_config):
        await lab.add(*LANES)
    await lab.list_agents()
    lab.target.store_credential(lab.site, lab.credential("codex", expired=True))
    lab.script(*models(lab))
    lab.hold("grant")
    runs = [await lab.turn(lane, timeout=timeout if lab.faulty and lane == "lane3" else None) for lane in LANES]
    await lab.reached("grant", parties=4, by=runs)
    lab.release("grant")
    if lab.faulty:
        for child, run in (("lane2", runs[2]), ("lane3", runs[3])):
            if not await lab.look.beat(child, within=lab.target.patience, by=run):
                lab.note(f"{child} never began to build")
        lab.look.tree("before the signal")
        lab.signal(runs[2], signal.SIGTERM)
    for run in runs:
        await lab.ends_within(run, lab.target.patience)
    for run in runs:
        await lab.look.survivors(run, GRACE)
    if Capability.RUNS in lab.target.capabilities:
        await lab.list_runs("list-runs")
    lab.look.locks()
    lab.look.ports()


async def probe(lab: Lab) -> float:
    """How long a turn with two requests, a refresh and a failover may take here."""
    return 3 * await lab.undisturbed("probe")
