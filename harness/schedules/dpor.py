"""Runs one schedule of each class: source-DPOR with sleep sets, as an explorer over executions that others run.

    explorer = Explorer()
    while (strategy := explorer.next()) is not None:
        explorer.executed(run_it_with(strategy))
    print(explorer.certificate())

Nothing of a program is kept but the tree of choices of the last run: each run starts anew, forced up to a branch. The
order of runs depends on nothing but the traces, so that an exploration repeats. It does not run anything itself, and
knows of objects only what the points say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.schedules.certificate import TOUCHES, Certificate, Relation
from harness.schedules.clocks import class_of
from harness.schedules.effects import Effects
from harness.schedules.guided import Guided, drowsy
from harness.schedules.points import Point
from harness.schedules.races import Exclusive, Race, Run, bounded_races, release_and_acquire, source_races
from harness.schedules.trace import Step, Trace
from harness.verdict import Verdict


@dataclass(slots=True, kw_only=True)
class Node:
    """One step of the branch that the tree stands at: whom it tried, and whom it has yet to try."""

    enabled: tuple[Point, ...]
    chosen: Point
    last: str  # the actor that went before it
    asleep: frozenset[str] = frozenset()  # when the step is come to
    spent: int = 0  # preemptions before it
    wanted: set[str] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)

    def choose(self, point: Point) -> None:
        self.chosen = point
        self.wanted.add(point.actor)
        self.tried.add(point.actor)

    def want(self, race: Race) -> None:
        """See to it that one of the race's actors, or each, goes first here at some time."""
        if race.every:
            self.wanted.update(race.first)
        elif not (self.wanted | self.asleep).intersection(race.first):
            self.wanted.add(race.first[0])

    def untried(self, preemptions: int | None) -> Iterator[Point]:
        """Who should still go first here, as far as a bound on preemptions allows."""
        left = self.wanted - self.tried - self.asleep
        for point in self.enabled:
            if point.actor in left and (preemptions is None or self.cost(point.actor) <= preemptions):
                yield point

    def cost(self, actor: str) -> int:
        """The preemptions up to here and at this step, if this actor goes."""
        preempts = actor != self.last and any(point.actor == self.last for point in self.enabled)
        return self.spent + preempts

    def sleepers(self) -> frozenset[str]:
        """Who need not go first after the choice: that was, or will have been, run from here."""
        return self.asleep | self.tried - {self.chosen.actor}


@dataclass(slots=True)
class _Account:
    """What is counted on the way; a certificate is made of it."""

    actors: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)  # by the names of the certificate's fields
    classes: set[bytes] = field(default_factory=set)
    verdicts: Counter[Verdict] = field(default_factory=Counter)

    def completed(self, points: Sequence[Point], stuck: bool) -> None:
        for actor, count in Counter(point.actor for point in points).items():
            self.actors[actor] = max(count, self.actors.get(actor, 0))
        name = class_of(points)
        known = name in self.classes
        self.classes.add(name)
        self.counts["repeated"] += known
        self.counts["stuck"] += stuck and not known


class Explorer:
    """Says which schedule to run next, and learns from what came of it.

    `preemptions` bounds each schedule: the classes that have a schedule with at most so many are covered, and no more.
    Under a bound a schedule cannot stand for another of its class, so that nobody sleeps, and classes repeat. `limit`
    ends the exploration after so many executions. A prefix that diverges is tried `patience` times more.
    `exclusive` says which points can never both be enabled, `relation` what a certificate says of dependency.
    """

    def __init__(
        self,
        *,
        preemptions: int | None = None,
        limit: int | None = None,
        patience: int = 2,
        exclusive: Exclusive = release_and_acquire,
        relation: Relation = TOUCHES,
    ) -> None:
        self._preemptions = preemptions
        self._limit = limit
        self._patience = patience
        self._exclusive = exclusive
        self._relation = relation
        self._nodes: list[Node] = []  # the last one is where the next run leaves the runs before it
        self._effects = Effects()
        self._strategy: Guided | None = None  # of the run that is under way
        self._failures = 0  # of the prefix that is being tried
        self._account = _Account()

    def next(self) -> Guided | None:
        """The strategy of the next run; None when all has been run, or as many as the limit.

        Raises RuntimeError if nothing was said of the run before.
        """
        if self._strategy is not None:
            raise RuntimeError("say what came of the last run first: executed(trace) or diverged()")
        runs = self._account.counts["executions"]
        if self._limit is not None and runs >= self._limit:
            return None
        if runs and not self._failures and not self._descend():
            return None
        asleep = self._nodes[-1].sleepers() if self._nodes and self._preemptions is None else frozenset[str]()
        self._strategy = Guided([node.chosen for node in self._nodes], asleep, self._effects)
        return self._strategy

    def _descend(self) -> bool:
        """Take the deepest choice that is left. Deepest first: who sleeps at a step must have been run from there."""
        while self._nodes:
            point = next(self._nodes[-1].untried(self._preemptions), None)
            if point is not None:
                self._nodes[-1].choose(point)
                return True
            self._nodes.pop()
        return False

    def executed(
        self,
        trace: Trace,
        *,
        waiting: Sequence[Point] = (),
        cut_off: bool = False,
        verdict: Verdict | None = None,
    ) -> None:
        """What came of the last strategy's run.

        `waiting` are the points that could not go on when the run ended or was stopped: had they come first, others
        would have waited. `cut_off` says that the run was ended at a bound on steps, and `verdict` is None for a run
        that was not judged.
        """
        strategy = self._under_way()
        self._account.counts["executions"] += 1
        self._account.verdicts.update([] if verdict is None else [verdict])
        steps = trace.steps[: strategy.redundant_from]
        if not self._followed(steps):
            self._failed()
            return
        self._failures = 0
        self._effects.learn(step.chosen for step in steps)
        for node, step in zip(self._nodes, steps, strict=False):
            node.chosen = step.chosen  # as it turned out to be, where it was only forced before
        self._count(steps, strategy, bool(waiting), cut_off)
        since = max(len(self._nodes) - 1, 0)
        self._extend(steps)
        self._want(Run(steps, _waiting(trace.steps[len(steps) :], waiting)), since)

    def diverged(self) -> None:
        """The last strategy's run could not be forced along its prefix."""
        self._under_way()
        self._account.counts["executions"] += 1
        self._failed()

    def _under_way(self) -> Guided:
        strategy, self._strategy = self._strategy, None
        if strategy is None:
            raise RuntimeError("no run is under way: call next first")
        return strategy

    def _failed(self) -> None:
        self._failures += 1
        if self._failures > self._patience:
            self._failures = 0
            self._account.counts["diverged"] += 1

    def _followed(self, steps: Sequence[Step]) -> bool:
        """Whether the run came to the branch, and saw the same points enabled on its way there."""
        return len(steps) >= len(self._nodes) and all(
            _alike(node.enabled, step.enabled) for node, step in zip(self._nodes, steps, strict=False)
        )

    def _count(self, steps: Sequence[Step], strategy: Guided, stuck: bool, cut_off: bool) -> None:
        if strategy.redundant_from is not None:
            self._account.counts["blocked"] += 1
        elif cut_off:
            self._account.counts["cut_off"] += 1
        else:
            self._account.completed([step.chosen for step in steps], stuck)

    def _extend(self, steps: Sequence[Step]) -> None:
        for step in steps[len(self._nodes) :]:
            above = self._nodes[-1] if self._nodes else None
            node = Node(enabled=step.enabled, chosen=step.chosen, last=above.chosen.actor if above else "")
            if above is not None:
                node.spent = above.cost(above.chosen.actor)
                node.asleep = self._asleep(above, step)
            node.choose(step.chosen)
            self._nodes.append(node)

    def _asleep(self, above: Node, step: Step) -> frozenset[str]:
        if self._preemptions is not None:
            return frozenset()
        return drowsy(above.sleepers(), above.chosen, step.enabled, self._effects)

    def _want(self, run: Run, since: int) -> None:
        """Only the races of what is new: those of the prefix were seen when it was new."""
        find = source_races if self._preemptions is None else bounded_races
        for later in run.laters(since):
            for race in find(run, later, self._exclusive):
                self._nodes[race.at].want(race)

    def certificate(self) -> Certificate:
        """The account of what was run so far; exhaustive only once `next` has said None."""
        counts: Mapping[str, int] = self._account.counts
        reached = self._limit is not None and counts.get("executions", 0) >= self._limit
        return Certificate(
            actors=dict(sorted(self._account.actors.items())),
            executions=counts.get("executions", 0),
            classes=len(self._account.classes),
            repeated=counts.get("repeated", 0),
            blocked=counts.get("blocked", 0),
            cut_off=counts.get("cut_off", 0),
            diverged=counts.get("diverged", 0),
            stuck=counts.get("stuck", 0),
            open=sum(len(list(node.untried(self._preemptions))) for node in self._nodes),
            preemptions=self._preemptions,
            limit=self._limit if reached else None,
            relation=self._relation,
            verdicts=dict(self._account.verdicts),
        )


def _waiting(rest: Sequence[Step], at_end: Sequence[Point]) -> list[Point]:
    """Who waited before these steps, by which a redundant run went on, and at their end waited for `at_end`."""
    enabled = {point.actor for point in rest[0].enabled} if rest else set[str]()
    nexts: dict[str, Point] = {}
    for point in [*(step.chosen for step in rest), *at_end]:
        nexts.setdefault(point.actor, point)
    return [point for actor, point in nexts.items() if actor not in enabled]


def _alike(some: Sequence[Point], others: Sequence[Point]) -> bool:
    return {(p.actor, p.fingerprint) for p in some} == {(p.actor, p.fingerprint) for p in others}
