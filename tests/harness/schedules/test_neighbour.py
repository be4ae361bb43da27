"""The pair of points whose order decides: as they are in the run that violates, not as an earlier run predicts them."""

from __future__ import annotations

from harness.schedules.decisions import Decisions
from harness.schedules.neighbour import Deciding
from harness.schedules.points import Point
from harness.schedules.trace import Step, Trace
from tests.harness.schedules.test_explain import at

WRITES, READS, ACTS = at("w", 0, "write", "x"), at("r", 0, "open", "-x"), at("r", 1, "open", "y")
READS_AGAIN = at("r", 1, "open", "-x")


def ran(*points: Point) -> Trace:
    """A run in which both could go on all the time, as far as they had points left."""
    steps = []
    for place, point in enumerate(points):
        others = [next((p for p in points[place:] if p.actor == actor), None) for actor in ("r", "w")]
        steps.append(Step(enabled=tuple(filter(None, others)), chosen=point))
    return Trace(tuple(steps))


def test_what_a_program_does_there_in_that_very_run_is_told() -> None:
    """It looked too early, and looks again: what it did in the first run, behind a look in time, it does later."""
    violating = ran(WRITES, READS, ACTS)
    outcomes = {("r", "w", "r"): ran(READS, WRITES, READS_AGAIN), ("w", "r", "r"): violating, ("r", "r", "w"): None}
    search = Deciding(violating, Decisions.parse("r.0>w"), lambda switches: Decisions(tuple(switches)))
    generator, sent, tried = search.search(10), None, []
    try:
        while True:
            tried.append(str(generator.send(sent)))
            order = {"-": ("r", "r", "w"), "r.0>w": ("w", "r", "r"), "r.1>w": ("r", "w", "r")}[tried[-1]]
            sent = outcomes[order]
    except StopIteration as ended:
        pair = ended.value
    assert (pair.first, pair.second) == (WRITES, READS_AGAIN)
    assert (str(pair.violates), str(pair.passes)) == ("r.1>w", "-")


def test_the_run_itself_is_told_by_its_own_decisions() -> None:
    """Who could go on is foretold from the trace: of a child that its parent waits for, wrongly."""
    violating = ran(WRITES, at("r", 0, "open", "y"), at("r", 1, "open", "z"))
    decisions = Decisions.parse("r.7>w")  # not those that the order of its points suggests
    generator = Deciding(violating, decisions, lambda switches: Decisions(tuple(switches))).search(10)
    tried = [str(next(generator))]
    try:
        while True:
            tried.append(str(generator.send(None)))
    except StopIteration as ended:
        pair = ended.value
    assert tried == ["-", "r.1>w"]
    assert (str(pair.violates), str(pair.passes)) == ("r.7>w", "r.1>w")
    assert (pair.first.actor, pair.second.actor) == ("w", "r")
