"""CFG-10: the power fails after a turn has returned; what was acknowledged has to be there."""

from __future__ import annotations

from contextlib import closing

from harness.checkers.acknowledged import NEXT, RENEWED, turn_survives_power_loss
from harness.checkers.messages import ANSWER
from harness.lab import Lab
from harness.scenario import WATCH_STORES, scenario
from harness.targets.protocol import Capability, Setup
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
