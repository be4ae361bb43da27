"""RES-4: what a command costs must not depend on how much has been done before, nor what a gateway keeps open.

Processor time is compared, not time: it is the same whatever else the machine does. Of several rounds the cheapest one
counts, in which least was disturbed.
"""

from __future__ import annotations

from itertools import pairwise

from harness.checkers import ask
from harness.checkers.judge import CannotDecide
from harness.events import FileSeen, Finished, History
from harness.verdict import Finding

AGENTS = 1000
SESSIONS = 5000
ROUNDS = 3
FACTOR = 3.0
STATES = ("small", "large")  # how the actors' names end
HOLDINGS = "holdings of "  # begins the role of a look at what an actor has open
DESCRIPTORS, CHILDREN = "descriptors", "children"  # of which there must not be more after each turn


def gateway_keeps_nothing(history: History) -> list[Finding]:
    """RES-4: from look to look, with a turn between them, a gateway does not have more open each time."""
    looks = [(seq, seen.facts) for seq, seen in history.of(FileSeen) if seen.role.startswith(HOLDINGS)]
    if len(looks) < 3 or not all(what.outcome.ok for _, what, _ in ask.turns(history)):
        raise CannotDecide("a turn of the gateway failed, or what it has open was not looked at")
    findings = []
    for kind in (DESCRIPTORS, CHILDREN):
        counts = [facts[kind] for _, facts in looks]
        if all(before < after for before, after in pairwise(counts)):
            seen = ", ".join(map(str, counts))
            message = f"a gateway that waits has more {kind} after each turn: {seen}"
            findings.append(Finding(rule="RES-4", message=message, evidence=tuple(seq for seq, _ in looks)))
    return findings


def large_state_costs_little(history: History) -> list[Finding]:
    """RES-4: each command works with the large state, at FACTOR times the processor time of the small one at most."""
    findings = []
    verbs = _by_verb(history)
    if not verbs:
        raise CannotDecide("no command was run")
    for verb, ends in verbs.items():
        small, large = ([end for end in ends if end[1].actor.endswith(f"-{state}")] for state in STATES)
        if not small or not large or not all(what.outcome.ok for _, what in small):
            raise CannotDecide(
                f"there is nothing to compare {verb} with: it was not run, or failed, with a small state"
            )
        findings += _failures(large) or _dear(verb, _cheapest(small), _cheapest(large))
    return findings


def _by_verb(history: History) -> dict[str, list[tuple[int, Finished]]]:
    """The commands of the rounds. The turns that make the states are none of them: they began with nothing."""
    found: dict[str, list[tuple[int, Finished]]] = {}
    for seq, what in ask.finishes(history):
        if not what.actor.startswith("first-"):
            found.setdefault(what.verb, []).append((seq, what))
    return found


def _failures(ends: list[tuple[int, Finished]]) -> list[Finding]:
    return [
        Finding(rule="RES-4", message=f"{what.verb} failed with a large state: {ask.said(what)}", evidence=(seq,))
        for seq, what in ends
        if not what.outcome.ok
    ][:1]


def _cheapest(ends: list[tuple[int, Finished]]) -> tuple[int, Finished]:
    return min(ends, key=lambda end: end[1].cpu)


def _dear(verb: str, small: tuple[int, Finished], large: tuple[int, Finished]) -> list[Finding]:
    before, after = small[1].cpu, large[1].cpu
    if before <= 0:
        raise CannotDecide(f"the processor time of {verb} was not measured")
    if after <= FACTOR * before:
        return []
    message = (
        f"{verb} took {1000 * after:.0f} ms of processor time with {AGENTS:,} agents and {SESSIONS:,} sessions, and "
        f"{1000 * before:.0f} ms with one of each: {after / before:.1f} times as much"
    )
    return [Finding(rule="RES-4", message=message, evidence=(small[0], large[0]))]
