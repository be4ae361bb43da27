"""From a run that violates to the simplest one that does, and to the order of two points that decides it.

Simpler is: fewer preemptions and faults, of these fewer faults, then fewer actors, then fewer entries, then fewer
switches where nothing races. A candidate is only a guess: it is run, and what counts is the trace that came of it, from
which the decisions are derived again. Every replay counts against the budget. The search reads no clock and draws
nothing.
Sources: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", TSE 2002 (ddmin); Jalbert and Sen,
"A Trace Simplification Technique for Effective Debugging of Concurrent Programs", FSE 2010 (stretches that are joined).
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.schedules.best import Best
from harness.schedules.decisions import Absent, Decisions, Entry, Fault, Switch
from harness.schedules.neighbour import Deciding, Neighbour
from harness.schedules.points import contested, started
from harness.schedules.reorder import Meaning, Order, Reorder
from harness.schedules.trace import Trace

BUDGET = 200  # replays
CONFIRM = 3  # a run that does not violate this often in a row is not shrunk
_ORDERS = 5_000  # what the search from below looks at before it takes orders as they come
_LATER = 6  # points of who was paused, at which a preemption is tried in the place of the pause
_REPEAT = CONFIRM - 1  # replays that confirm the result, after the one that found it

Search = Generator[Decisions, Trace | None, "Shrunk | Unsteady"]
Asking = Generator[Decisions, Trace | None, bool]
Progress = Callable[[int, Decisions], None]  # replays so far, and the best decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """The simplest violating run that was found."""

    decisions: Decisions
    trace: Trace
    replays: int
    neighbour: Neighbour | None  # without one every order violates, unless the search was cut short
    cut_short: bool  # whether the budget was spent before one was found


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

    @property
    def best(self) -> Best:
        return self._found[-1]

    def search(self) -> Search:
        yield from self._tidy()
        yield from self._unstop()
        yield from self._drop()
        while (
            (yield from self._ddmin())
            or (yield from self._drop())
            or (yield from self._join())
            or (yield from self._move())
        ):
            pass
        while (yield from self._unstop()):
            yield from self._ddmin()
        while (yield from self._fewer()):
            yield from self._ddmin()
        yield from self._confirm()
        best = self.best
        deciding = Deciding(best.trace, best.decisions, self._with)
        neighbour = yield from deciding.search(self._budget - self._replays)
        self._replays += deciding.replays
        return Shrunk(
            decisions=best.decisions, trace=best.trace, replays=self._replays, neighbour=neighbour,
            cut_short=deciding.cut_short,
        )  # fmt: skip

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

    def _unstop(self) -> Asking:
        """Let others go first by the order alone, and not by a pause: that is needed only where somebody gives up."""
        trace, best = self.best.trace, self.best.decisions
        for fault in best.faults:
            if fault.pauses:
                faults = [other for other in best.faults if other != fault]
                unstopped = trace.unstopped(fault.actor, fault.index)
                candidate = Decisions.from_trace(unstopped, faults, best.absent)
                return (yield from self._try(candidate)) or (yield from self._preempt_later(fault))
        return False

    def _preempt_later(self, pause: Fault) -> Asking:
        """At one of the next points of who was stopped: there it may have let go of what the others waited for."""
        points, entries = self.best.trace.points, self.best.decisions.entries
        behind = itertools.dropwhile(lambda point: (point.actor, point.index) != (pause.actor, pause.index), points)
        other = next((point.actor for point in behind if started(point.actor) != started(pause.actor)), None)
        for index in range(pause.index + 1, pause.index + 1 + _LATER) if other else ():
            switch = Switch(pause.actor, index, str(other))
            if (yield from self._try(Decisions(tuple(switch if entry == pause else entry for entry in entries)))):
                return True
        return False

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

    def _join(self) -> Asking:
        """Let one go on where it was preempted, or have it wait until it goes on in any case; the rest as it was."""
        reorder = Reorder(self.best.trace)
        for order in reorder.joined():
            if (yield from self._try(self._with(reorder.switches(reorder.possible(order))))):
                return True
        return False

    def _moved(self, switch: Switch) -> list[Switch]:
        own = sorted(point.index for point in contested(self.best.trace.points) if point.actor == switch.actor)
        if switch.index in own:
            return []
        later = [index for index in own if index > switch.index][:1]
        earlier = [index for index in own if index < switch.index][-1:]
        return [Switch(switch.actor, index, switch.other) for index in later + earlier]

    def _fewer(self) -> Asking:
        """Search from below, as far as the budget goes: orders with fewer preemptions than the best.

        First before racing points only and each meaning once, then all, as the trace need not show what races.
        """
        reorder = Reorder(self.best.trace)
        seen = {reorder.meaning(self.best.trace.points)}
        bounds = range(self.best.preemptions)
        racing_only = itertools.chain.from_iterable(reorder.bounded(bound) for bound in bounds)
        anywhere = itertools.chain.from_iterable(reorder.bounded(bound, anywhere=True) for bound in bounds)
        for order in itertools.chain(_new(itertools.islice(racing_only, _ORDERS), reorder, seen), anywhere):
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


def _new(orders: Iterable[Order], reorder: Reorder, seen: set[Meaning]) -> Iterator[Order]:
    """The orders that mean something not seen yet."""
    for order in orders:
        if (meaning := reorder.meaning(order)) not in seen:
            seen.add(meaning)
            yield order


def _result(end: StopIteration) -> Shrunk | Unsteady:
    result = end.value
    assert isinstance(result, Shrunk | Unsteady)
    return result
