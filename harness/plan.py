"""A plan: everything about a run that the harness chooses, as data.

All choices (names, which call is the last one, the order in which held calls are let go, the strategy that orders a
scheduled run) are drawn from one seed. What a strategy then chose is recorded, because it learns from earlier runs: so
the token of a scheduled run names the scenario, the target, the seed and the recorded schedule, and replays it.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from enum import Enum

from harness.errors import UsageError
from harness.schedules.decisions import Decisions, Follow
from harness.schedules.replay import Recording, Replay
from harness.schedules.strategies import portfolio
from harness.schedules.strategy import Profile, Strategy

# A target may be a path, which holds any character; digits are bounded, because Python refuses to read thousands.
_TOKEN = (
    r"(?P<scenario>\w+)@(?P<target>.+)#(?P<seed>[0-9]{1,4000})(?P<control>!control)?"
    r"(?:\*(?P<points>[0-9]{1,9}))?(?::(?P<schedule>[^#]+))?"
)


class Arm(Enum):
    """The fault arm does it with the fault; the control arm does the same work without."""

    FAULT = "fault"
    CONTROL = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run of one scenario on one target."""

    scenario: str
    target: str
    seed: int
    arm: Arm = Arm.FAULT
    points: int | None = None  # the most that a sweep tries, 0 for all of it; None: its own bound
    schedule: Decisions | Recording | None = None  # to be followed, or to be repeated exactly; None: the seed's own

    @property
    def token(self) -> str:
        """What `--replay` takes, e.g. "four_adds_at_once@variant:config-unlocked#7"."""
        suffix = "" if self.arm is Arm.FAULT else "!control"
        schedule = f":{self.schedule.token}" if isinstance(self.schedule, Recording) else ""
        points = "" if self.points is None else f"*{self.points}"
        return f"{self.scenario}@{self.target}#{self.seed}{suffix}{points}{schedule}"

    @property
    def decisions(self) -> Decisions:
        """What the plan does to single points: the faults, and who is left out."""
        if self.schedule is None:
            return Decisions()
        return self.schedule if isinstance(self.schedule, Decisions) else self.schedule.decisions

    def strategy(self, profile: Profile) -> tuple[str, Strategy]:
        """Who chooses the next actor, by name; without a schedule one of the portfolio, which the profile helps."""
        match self.schedule:
            case Recording() as recording:
                return "replay", Replay(recording)
            case Decisions() as decisions:
                return "follow", Follow(decisions)
            case None:
                return portfolio.pick(self.seed, self.seed, profile)

    def chance(self) -> random.Random:
        """The plan's source of choices: the same draws for the same plan, on any machine."""
        return random.Random(f"{self.scenario}#{self.seed}")

    @staticmethod
    def parse(token: str) -> Plan:
        """Read a token. Raises UsageError for anything else."""
        match = re.fullmatch(_TOKEN, token, re.DOTALL)
        if match is None:
            raise UsageError(
                f"{token!r} is not a replay token",
                hint='copy it whole from a report, quoted: --replay "four_adds_at_once@reference#1"',
            )
        arm = Arm.CONTROL if match["control"] else Arm.FAULT
        schedule = Recording.parse(match["schedule"]) if match["schedule"] else None
        points = int(match["points"]) if match["points"] else None
        return Plan(
            scenario=match["scenario"], target=match["target"], seed=int(match["seed"]), arm=arm, points=points,
            schedule=schedule,
        )  # fmt: skip
