"""CFG-10: the power fails during an add, or after a command has returned; what was acknowledged has to be there."""

from __future__ import annotations

from contextlib import closing

from harness.checkers.acknowledged import NEXT, RENEWED, turn_survives_power_loss
from harness.checkers.messages import ANSWER
from harness.checkers.powerloss import config_survives_power_loss
from harness.lab import Lab
from harness.lab.filesystems import home_that_cannot_sync
from harness.lab.powercut import RecordedFolder
from harness.scenario import WATCH_STORES, scenario
from harness.targets.protocol import Capability, DeleteAgent, ListAgents, Setup
from scenarios.work import answered_turn

_STATES = 8  # that are tried where something is missing


@scenario(
    "CFG-10",
    fault="the power fails after a turn that has renewed its credential, and what was not synced is lost",
    needs=[Capability.TURN, Capability.SESSIONS],
    watch=WATCH_STORES,
    exact=True,
    judges=[turn_survives_power_loss],
    not_verified=["cuts while a turn goes on"],
)
async def test_power_lost_after_a_turn(lab: Lab) -> None:
    """A turn that has returned, and the credential that it has renewed, survive a power cut."""
    oauth = Capability.OAUTH in lab.target.capabilities
    credential = lab.credential("codex", expired=True) if oauth else None
    lab.prepare(Setup(agents=("lane0",), models=("codex" if oauth else "anthropic",), credential=credential))
    async with lab.recorded() as recording:
        await answered_turn(lab, RENEWED)
    stored = lab.target.profile(lab.site, "main") if oauth else None
    if oauth:
        lab.look.credentials("before the cut")
    with closing(recording.cuts(at_the_end=_STATES)) as cuts:
        for number, trial in enumerate(cuts):
            if oauth:
                lab.look.credentials(f"after {trial}")
            kept = not oauth or lab.target.profile(lab.site, "main") == stored
            await answered_turn(lab, f"{trial}{NEXT}")
            if not number and kept and lab.told(f"{trial}{NEXT}", f"{ANSWER}{RENEWED}"):
                break  # where everything is lost that may be, nothing is missing: then it is nowhere


@scenario(
    "CFG-10",
    fault="the power fails after each file operation of an add, and each thing that was not synced may be lost",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_STORES,
    exact=True,
    judges=[config_survives_power_loss],
    not_verified=["losses that need two independent things to be missing at once; see docs/power-loss.md"],
)
async def test_power_lost_at_every_write(lab: Lab) -> None:
    """An add that exited 0 survives a power cut, and a cut during an add leaves the old config or the new one."""
    lab.prepare(Setup(agents=("lane0",)))
    await lab.list_agents("before")
    async with lab.recorded() as recording:
        await lab.add("lane1")
    await _work_after_cuts(lab, recording)


@scenario(
    "CFG-10",
    fault="the power fails after each file operation of a delete, and each thing that was not synced may be lost",
    needs=[Capability.ADD_AGENTS, Capability.DELETE_AGENTS],
    watch=WATCH_STORES,
    exact=True,
    judges=[config_survives_power_loss],
    not_verified=["losses that need two independent things to be missing at once; see docs/power-loss.md"],
)
async def test_delete_before_a_power_cut(lab: Lab) -> None:
    """A delete that exited 0 survives a power cut, and a cut during a delete leaves the old config or the new one."""
    lab.prepare(Setup(agents=("lane0",)))
    await lab.add("lane1")
    await lab.list_agents("before")
    async with lab.recorded() as recording:
        await lab.run(DeleteAgent(name="lane1"), "delete-lane1")
    await _work_after_cuts(lab, recording)


@scenario(
    "CFG-10",
    fault="no sync of an add succeeds, as on a disk that fails (fsync(2): EIO), and then the power is lost",
    needs=[Capability.ADD_AGENTS],
    watch=WATCH_STORES,
    exact=True,
    judges=[config_survives_power_loss],
    not_verified=["disks on which one sync fails and the next succeeds"],
)
async def test_power_lost_when_nothing_was_synced(lab: Lab) -> None:
    """An add whose syncs have failed does not exit with 0, or survives a power cut all the same."""
    lab.prepare(Setup(agents=("lane0",)))
    await lab.list_agents("before")
    with home_that_cannot_sync(lab, "no sync succeeds"):
        async with lab.recorded() as recording:
            await lab.add("lane1")
    await _work_after_cuts(lab, recording, at_the_end=_STATES)


async def _work_after_cuts(lab: Lab, recording: RecordedFolder, *, at_the_end: int | None = None) -> None:
    for trial in recording.cuts(at_the_end=at_the_end):
        if lab.look.config().parses:  # else there is nothing to go on with
            await lab.run(lab.adding("lane2"), f"{trial}-add")
            await lab.run(ListAgents(), f"{trial}-list")
