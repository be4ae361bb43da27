"""Repeat a recorded run exactly, or say at which step and why it went another way. Nothing is passed over in silence.

A recording's token is all that a replay needs: the decisions, and after a "~" one character for each step, six bits of
a hash of the actor and the fingerprint of its point. One wrong step is missed once in 64, a run that goes on wrong is
not. With the recorded points at hand the comparison is exact, and the sentence says what was expected.
"""

from __future__ import annotations

import re
import string
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.errors import PileupError, UsageError
from harness.schedules.decisions import Decisions, Fault, Follow
from harness.schedules.points import Point
from harness.schedules.strategy import Choice
from harness.schedules.trace import Trace

_SIX_BITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What is kept of a run so that it can be repeated."""

    decisions: Decisions
    checks: str  # one character a step
    points: tuple[Point, ...] = field(default=(), compare=False)  # the steps themselves, if they are at hand

    @property
    def token(self) -> str:
        """The printable form, without the points: "add-lane0.5>add-lane2~Qk3_"."""
        return f"{self.decisions}~{self.checks}"

    @staticmethod
    def of(trace: Trace, faults: Iterable[Fault] = (), absent: Iterable[str] = ()) -> Recording:
        """The recording of a run that was seen whole."""
        decisions = Decisions.from_trace(trace, faults, absent)
        return Recording(decisions=decisions, checks="".join(map(check, trace.points)), points=trace.points)

    @staticmethod
    def parse(token: str) -> Recording:
        """Read a token. Raises UsageError for anything else."""
        decisions, tilde, checks = token.rpartition("~")
        if not tilde or not re.fullmatch(r"[A-Za-z0-9_-]*", checks):
            raise UsageError(f"{token!r} is not a recorded schedule", hint="copy it whole from a report, quoted")
        return Recording(decisions=Decisions.parse(decisions), checks=checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Where a replay left the recorded run."""

    step: int
    expected: Point | None  # None: not known from the token alone, or no step was expected
    found: Point | None  # None: no step, or not the actor that was expected
    why: str


class Diverged(PileupError):
    """A replayed run did not do what was recorded, so it proves nothing."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(
            f"the replay left the recorded run at step {divergence.step}: {divergence.why}",
            hint="the run depends on something that the schedule does not order; compare this step in both traces",
        )
        self.divergence = divergence


class Replay:
    """The strategy that repeats a recording. When the run is over, `finish` must be called."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._follow = _Strict(recording.decisions)
        self._step = 0
        self.divergence: Divergence | None = None

    def choose(self, choice: Choice) -> Point:
        """Raises Diverged when the recorded step cannot be taken, or is another one now."""
        if self._step >= len(self._recording.checks):
            raise self._diverged(None, choice.enabled[0], f"{self._ended}, but {_waiting(choice)}")
        chosen = self._recorded(choice) if self._recording.points else self._decided(choice)
        self._step += 1
        return chosen

    def finish(self) -> None:
        """Raises Diverged if the run ended before the recorded one did."""
        if self._step < len(self._recording.checks):
            expected = self._recording.points[self._step] if self._recording.points else None
            next_one = f"; {expected.actor} should have gone on with {_said(expected)}" if expected else ""
            raise self._diverged(expected, None, f"the run ended, but {self._ended}{next_one}")

    def _recorded(self, choice: Choice) -> Point:
        """The recorded actor's point: it is known who went."""
        expected = self._recording.points[self._step]
        found = next((point for point in choice.enabled if point.actor == expected.actor), None)
        if found is None:
            why = f"{expected.actor} should have gone on with {_said(expected)}, but it waits or has ended"
            raise self._diverged(expected, None, f"{why}, while {_waiting(choice)}")
        if found.fingerprint != expected.fingerprint:
            why = f"{expected.actor} should have gone on with {_said(expected)}, but does {_said(found)}"
            raise self._diverged(expected, found, why)
        return found

    def _decided(self, choice: Choice) -> Point:
        """The decisions' point: the token says of a step only what its check was."""
        try:
            found = self._follow.choose(choice)
        except _NotEnabled as error:
            raise self._diverged(None, None, f"{error}, while {_waiting(choice)}") from None
        if check(found) != self._recording.checks[self._step]:
            raise self._diverged(None, found, f"{found.actor} does {_said(found)}, which is not what was recorded")
        return found

    @property
    def _ended(self) -> str:
        return f"the recorded one has {len(self._recording.checks)} steps"

    def _diverged(self, expected: Point | None, found: Point | None, why: str) -> Diverged:
        self.divergence = Divergence(step=self._step, expected=expected, found=found, why=why)
        return Diverged(self.divergence)


class _NotEnabled(Exception):
    """A switch cannot be done."""


class _Strict(Follow):
    def passed_over(self, usual: Point, other: str) -> None:
        raise _NotEnabled(f"{other} should have gone instead of {usual}, but it waits or has ended")

    def relieved(self, usual: Point, choice: Choice) -> Point:
        return usual


def check(point: Point) -> str:
    """The character that stands for a step in a token."""
    said = f"{point.actor} {point.fingerprint}".encode(errors="surrogateescape")  # a file's name is bytes of any kind
    return _SIX_BITS[zlib.crc32(said) & 63]


def _said(point: Point) -> str:
    return str(point).partition(": ")[2]


def _waiting(choice: Choice) -> str:
    return f"{', '.join(map(str, choice.enabled))} {'waits' if len(choice.enabled) == 1 else 'wait'} for leave to go on"
