"""The order of verdicts and the symbol of each, so that every report says the same thing in the same way.

VIOLATED > UNKNOWN > INCONCLUSIVE > UNSUPPORTED > CONFORMS. A word that this version does not know ranks as
UNKNOWN: it must never read as green.
"""

from __future__ import annotations

from collections.abc import Iterable

CONFORMS, UNSUPPORTED, INCONCLUSIVE, UNKNOWN, VIOLATED = ORDER = (
    "CONFORMS",
    "UNSUPPORTED",
    "INCONCLUSIVE",
    "UNKNOWN",
    "VIOLATED",
)

_SYMBOLS = {CONFORMS: "✓", UNSUPPORTED: "—", INCONCLUSIVE: "○", UNKNOWN: "?", VIOLATED: "✗"}
_MEANINGS = {
    CONFORMS: "the fault fired and the guarantee held",
    UNSUPPORTED: "the target does not offer what the scenario needs",
    INCONCLUSIVE: "the fault never fired, so nothing was shown",
    UNKNOWN: "the checker or the harness could not decide",
    VIOLATED: "a guarantee broke, with evidence",
}

DEFINITE, TO_CONFIRM = "definite", "to be confirmed by a reader"
CERTAINTIES = (
    f"A finding is {DEFINITE} where what was seen proves by itself that the rule broke, and {TO_CONFIRM} where that is "
    "inferred: from a bound in time, a cost or a model of a disk."
)


def severity(verdict: str) -> int:
    """How bad, from 0 for CONFORMS; an unknown word is as bad as UNKNOWN."""
    return ORDER.index(verdict if verdict in ORDER else UNKNOWN)


def worst(verdicts: Iterable[str]) -> str:
    """The worst of them; UNKNOWN when there are none, because nothing was judged."""
    return max(verdicts, key=severity, default=UNKNOWN)


def symbol(verdict: str) -> str:
    """One character that tells the verdicts apart without colour."""
    return _SYMBOLS.get(verdict, "?")


def meaning(verdict: str) -> str:
    """What the verdict says, in one clause."""
    return _MEANINGS.get(verdict, "a verdict that this version does not know")


def certainty(definite: bool | None) -> str:
    """What a finding of a rule is worth; "" where the record does not say."""
    return "" if definite is None else DEFINITE if definite else TO_CONFIRM
