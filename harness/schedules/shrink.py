"""From a run that violates to the simplest one that does, and to the order of two points that decides it.

Simpler is: fewer preemptions and faults, then fewer actors, then fewer entries, then fewer switches where nothing
races. A candidate is only a guess: it is run, and what counts is the trace that came of it, from which the decisions
are derived again. Every replay counts against the budget. The search reads no clock and draws nothing, so that it can be
repeated.
Sources: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", TSE 2002 (ddmin); Choi and Zeller,
"Isolating Failure-Inducing Thread Schedules", ISSTA 2002 (the pair of schedules).
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from dataclasses import dataclass

from harness.schedules.decisions import Absent, Decisions, Entry, Fault, Switch
from harness.schedules.points import Point, racing
from harness.schedules.reorder import Race, Reorder
from harness.schedules.trace import Trace

BUDGET = 200  # replays
CONFIRM = 3  # a run that does not violate this often in a row is not shrunk
_REPEAT = CONFIRM - 1  # replays that confirm the result, after the one that found it

Search = Generator[Decisions, Trace | None, "Shrunk | Unsteady"]
Asking = Generator[Decisions, Trace | None, bool]
Progress = Callable[[int, Decisions], None]  # replays so far, and the best decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Two schedules that differ in the order of two racing points next to each other: one violates, one does not."""

    violates: Decisions
    passes: Decisions
    first: Point  # goes before `second` in the one that violates
    second: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """The simplest violating run that was found."""

    decisions: Decisions
    trace: Trace
    replays: int
    neighbour: Neighbour | None  # None: no single order decides, or the budget was spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsteady:
    """The run does not violate each time, so there is nothing to shrink: something else than the schedule decides."""

    decisions: Decisions
    violated: int  # times in a row, of CONFIRM
    replays: int


def shrink(
    decisions: Decisions,
    run: Callable[[Decisions], Trace | None],
    *,
    budget: int = BUDGET,
    droppable: Callable[[str], bool] = lambda actor: False,
    progress: Progress = lambda replays, best: None,
) -> Shrunk | Unsteady:
    """Minimise; `run` gives the trace of a run that violates, None for one that does not."""
    search = searching(decisions, budget=budget, droppable=droppable, progress=progress)
    try:
        candidate = next(search)
        while True:
            candidate = search.send(run(candidate))
    except StopIteration as end:
        return _result(end)


async def shrink_async(
    decisions: Decisions,
    run: Callable[[Decisions], Awaitable[Trace | None]],
    *,
    budget: int = BUDGET,
    droppable: Callable[[str], bool] = lambda actor: False,
    progress: Progress = lambda replays, best: None,
) -> Shrunk | Unsteady:
    """The same with runs that are awaited."""
    search = searching(decisions, budget=budget, droppable=droppable, progress=progress)
    try:
        candidate = next(search)
        while True:
            candidate = search.send(await run(candidate))
    except StopIteration as end:
        return _result(end)


def searching(decisions: Decisions, *, budget: int, droppable: Callable[[str], bool], progress: Progress) -> Search:
    """The search without the runs: yields decisions, and is sent the violating trace that they led to, or None."""
    best = None
    for violated in range(CONFIRM):
        trace = yield decisions
        if trace is None:
            return Unsteady(decisions=decisions, violated=violated, replays=violated + 1)
        best = Best(trace, decisions)
    assert best is not None
    return (yield from _Shrinking(best, budget, droppable, progress).search())


class Best:
    """A violating run, and how simple it is."""

    def __init__(self, trace: Trace, ran: Decisions) -> None:
        self.trace = trace
        self.decisions = Decisions.from_trace(trace, ran.faults, ran.absent)
        self.preemptions = trace.preemptions()

    @property
    def weight(self) -> tuple[int, ...]:
        """The less the simpler."""
        actors = {point.actor for point in self.trace.points}
        switches, faults = len(self.decisions.switches), len(self.decisions.faults)
        return (self.preemptions + faults, len(actors), switches + faults, self._off_races())

    def _off_races(self) -> int:
        """How many switches stand at a point that races with none of another actor."""
        at = {(point.actor, point.index): point for point in self.trace.points}
        places = (at.get((switch.actor, switch.index)) for switch in self.decisions.switches)
        return sum(not any(racing(p, other) for other in self.trace.points) for p in places if p is not None)


class _Shrinking:
    """One search. Each pass gives whether it found something simpler."""

    def __init__(self, best: Best, budget: int, droppable: Callable[[str], bool], progress: Progress) -> None:
        self._found = [best]  # the last is the best
        self._budget = budget
        self._for_search = budget - _REPEAT - budget // 8  # the rest is for the passing neighbour
        self._droppable = droppable
        self._progress = progress
        self._replays = CONFIRM
        self._tried = {str(best.decisions)}
        self._turned: set[str] = set()

    @property
    def best(self) -> Best:
        return self._found[-1]

    def search(self) -> Search:
        yield from self._tidy()
        yield from self._drop()
        while (yield from self._ddmin()) or (yield from self._drop()) or (yield from self._move()):
            pass
        while (yield from self._fewer()):
            yield from self._ddmin()
        yield from self._confirm()
        neighbour = yield from self._neighbour()
        best = self.best
        return Shrunk(decisions=best.decisions, trace=best.trace, replays=self._replays, neighbour=neighbour)

    def _try(self, candidate: Decisions) -> Asking:
        """Run a candidate if it is new and the budget allows; if it violates and is simpler, it is the best now."""
        text = str(candidate)
        if text in self._tried or self._replays >= self._for_search:
            return False
        self._tried.add(text)
        self._replays += 1
        trace = yield candidate
        found = Best(trace, candidate) if trace is not None else None
        better = found is not None and found.weight < self.best.weight
        if found is not None and better:
            self._found.append(found)
            self._tried.add(str(found.decisions))
        self._progress(self._replays, self.best.decisions)
        return better

    def _tidy(self) -> Asking:
        """The same order of all dependent points with fewer preemptions."""
        switches = Reorder(self.best.trace).tidied()
        if len(switches) >= len(self.best.decisions.switches):
            return False
        return (yield from self._try(self._with(switches)))

    def _drop(self) -> Asking:
        """Leave out whole actors."""
        dropped = False
        for actor in sorted({point.actor for point in self.best.trace.points}):
            if self._droppable(actor):
                left = Reorder(self.best.trace, without=[actor])
                candidate = self._with(left.switches(left.points), without=actor)
                dropped = (yield from self._try(candidate)) or dropped
        return dropped

    def _ddmin(self) -> Asking:
        """Leave out entries: halves, then smaller parts, then single ones."""
        improved, parts = False, 2
        while entries := [entry for entry in self.best.decisions.entries if not isinstance(entry, Absent)]:
            parts = min(parts, len(entries))
            if (yield from self._without_a_part(entries, parts)):
                yield from self._tidy()
                improved, parts = True, max(parts - 1, 2)
            elif parts == len(entries):
                break
            else:
                parts *= 2
        return improved

    def _without_a_part(self, entries: Sequence[Entry], parts: int) -> Asking:
        absent = [Absent(actor) for actor in sorted(self.best.decisions.absent)]
        size = -(-len(entries) // parts)
        for start in range(0, len(entries), size):
            rest: list[Entry] = [*absent, *entries[:start], *entries[start + size :]]
            if (yield from self._try(Decisions(tuple(rest)))):
                return True
        return False

    def _move(self) -> Asking:
        """Put each switch at the actor's next racing point, or the one before."""
        entries = self.best.decisions.entries
        for place, entry in enumerate(entries):
            for moved in self._moved(entry) if isinstance(entry, Switch) else ():
                if (yield from self._try(Decisions((*entries[:place], moved, *entries[place + 1 :])))):
                    return True
        return False

    def _moved(self, switch: Switch) -> list[Switch]:
        points = self.best.trace.points
        own = [p.index for p in points if p.actor == switch.actor and any(racing(p, other) for other in points)]
        if switch.index in own:
            return []
        later = [index for index in own if index > switch.index][:1]
        earlier = [index for index in own if index < switch.index][-1:]
        return [Switch(switch.actor, index, switch.other) for index in later + earlier]

    def _fewer(self) -> Asking:
        """Search from below: orders with fewer preemptions than the best, each meaning once."""
        reorder = Reorder(self.best.trace)
        seen = {reorder.meaning(self.best.trace.points)}
        for order in itertools.chain(*map(reorder.bounded, range(self.best.preemptions))):
            meaning = reorder.meaning(order)
            if meaning not in seen:
                seen.add(meaning)
                if (yield from self._try(self._with(reorder.switches(order)))):
                    return True
            if self._replays >= self._for_search:
                return False
        return False

    def _with(self, switches: Iterable[Switch], without: str = "") -> Decisions:
        """These switches with the faults and the absent actors of the best."""
        best = self.best.decisions
        absent = [Absent(actor) for actor in sorted({*best.absent, *filter(None, [without])})]
        faults: list[Fault] = [fault for fault in best.faults if fault.actor != without]
        return Decisions((*absent, *switches, *faults))

    def _confirm(self) -> Generator[Decisions, Trace | None, None]:
        """What violated once is the result only if it does three times out of three, else what was found before."""
        while len(self._found) > 1:
            for _ in range(_REPEAT):
                if self._replays >= self._budget:
                    return
                self._replays += 1
                if (yield self.best.decisions) is None:
                    break
            else:
                return
            self._found.pop()

    def _neighbour(self) -> Generator[Decisions, Trace | None, Neighbour | None]:
        """The race that decides: turned round, the run does not violate. The last race of the best is tried first.

        If the best violates whichever of its races is turned, the turned ones are taken further, nearest first: on the
        way to some schedule that passes one race must be the first to matter.
        """
        waiting = deque([self.best.trace])
        while waiting:
            trace = waiting.popleft()
            for race in Reorder(trace).races():
                passes = self._of_order(trace, race.turned)
                if str(passes) in self._turned or self._replays + 2 > self._budget:
                    continue
                self._turned.add(str(passes))
                self._replays += 1
                turned = yield passes
                if turned is not None:
                    waiting.append(turned)
                elif (violates := (yield from self._kept(trace, race))) is not None:
                    return Neighbour(violates=violates, passes=passes, first=race.first, second=race.second)
        return None

    def _kept(self, trace: Trace, race: Race) -> Generator[Decisions, Trace | None, Decisions | None]:
        """The race as it was, in an order where the two stand side by side; it is run if it is not the best's own."""
        violates = self._of_order(trace, race.kept)
        if violates == self.best.decisions:
            return violates
        self._replays += 1
        return violates if (yield violates) is not None else None

    def _of_order(self, trace: Trace, order: tuple[Point, ...]) -> Decisions:
        return self._with(Reorder(trace).switches(order))


def _result(end: StopIteration) -> Shrunk | Unsteady:
    result = end.value
    assert isinstance(result, Shrunk | Unsteady)
    return result
