"""A schedule as a picture in plain text: a line for each point, or for several that concern nobody else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.schedules.decisions import Fault
from harness.schedules.points import contested
from harness.schedules.trace import Trace

_FEW = 3  # this many points of one actor that concern nobody else are drawn, more are counted


def diagram(trace: Trace, faults: Iterable[Fault] = ()) -> list[str]:
    """The order as lines, a column an actor: "*" goes, "o" had to wait although it could go on, "|" is under way."""
    actors = sorted({point.actor for point in trace.points})
    lines = ["     " + "| " * number + actor for number, actor in enumerate(actors)]
    planned = {(fault.actor, fault.index): fault for fault in faults}
    for first, count in _stretches(trace, planned):
        step = trace.steps[first]
        marks = " ".join(_mark(trace, first, count, actor) for actor in actors)
        if count > 1:
            lines.append(f"{'…':>4} {marks}  {step.chosen.actor}: {count} points that concern nobody else")
        else:
            fault = planned.get((step.chosen.actor, step.chosen.index))
            lines.append(f"{first:>4} {marks}  {step.chosen}{f' !{fault.what}' if fault else ''}")
    return lines


def _stretches(trace: Trace, planned: dict[tuple[str, int], Fault]) -> Iterator[tuple[int, int]]:
    """The steps as (first, count): runs of one actor's points that concern nobody else are taken together."""
    place = 0
    shared = contested(trace.points)
    idle = [p not in shared and (p.actor, p.index) not in planned for p in trace.points]
    while place < len(trace.steps):
        count = 1
        while idle[place] and _goes_on(trace, place, count) and idle[place + count]:
            count += 1
        yield from [(place, count)] if count > _FEW else [(place + more, 1) for more in range(count)]
        place += count


def _goes_on(trace: Trace, place: int, count: int) -> bool:
    steps = trace.steps
    return place + count < len(steps) and steps[place + count].chosen.actor == steps[place].chosen.actor


def _mark(trace: Trace, place: int, count: int, actor: str) -> str:
    step = trace.steps[place]
    if step.chosen.actor == actor:
        return "*"
    last = trace.steps[place - 1].chosen.actor if place else ""
    if last == actor and any(point.actor == actor for point in step.enabled):
        return "o"
    began = any(earlier.chosen.actor == actor for earlier in trace.steps[:place])
    left = any(later.chosen.actor == actor for later in trace.steps[place + count :])
    return "|" if began and left else " "
