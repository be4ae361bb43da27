"""What a run came to.

VIOLATED > UNKNOWN > INCONCLUSIVE > UNSUPPORTED > CONFORMS when verdicts are merged (Jepsen's `merge-valid`):
the worst known thing wins, and only CONFORMS is green.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """From the best to the worst."""

    CONFORMS = "CONFORMS"  # the fault fired and the guarantee held
    UNSUPPORTED = "UNSUPPORTED"  # the target does not offer what the scenario needs
    INCONCLUSIVE = "INCONCLUSIVE"  # the fault never fired, so nothing was shown
    UNKNOWN = "UNKNOWN"  # the checker or the harness could not decide
    VIOLATED = "VIOLATED"  # a guarantee broke, with evidence

    @property
    def green(self) -> bool:
        return self is Verdict.CONFORMS


_SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; UNKNOWN when there are none, because nothing was judged."""
    return max(verdicts, key=_SEVERITY.__getitem__, default=Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One way in which a rule broke: a sentence for people, and the events that show it."""

    rule: str
    message: str
    evidence: tuple[int, ...] = ()  # `Event.seq` numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on one history, with its reasons."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
