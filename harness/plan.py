"""A plan: everything about a run that the harness chooses, as data.

At this depth all choices (the order in which held calls are let go, which call is the last one, names) are drawn from
one seed, so that a scenario, a target and a seed determine them. A token names the three and replays the run.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from enum import Enum

from harness.errors import UsageError

# A target may be a path, which holds any character; digits are bounded, because Python refuses to read thousands.
_TOKEN = r"(?P<scenario>\w+)@(?P<target>.+)#(?P<seed>[0-9]{1,4000})(?P<control>!control)?"


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

    @property
    def token(self) -> str:
        """What `--replay` takes, e.g. "four_adds_at_once@variant:config-unlocked#7"."""
        suffix = "" if self.arm is Arm.FAULT else "!control"
        return f"{self.scenario}@{self.target}#{self.seed}{suffix}"

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
        return Plan(scenario=match["scenario"], target=match["target"], seed=int(match["seed"]), arm=arm)
