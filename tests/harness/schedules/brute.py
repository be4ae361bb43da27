"""All interleavings of a small program, one by one, and random small programs: what an exploration is compared with.

Nothing here is shared with the explorer but `dependent`: the class of a run is its Foata normal form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from harness.schedules.points import Point, dependent
from tests.harness.schedules.simulated import If, Op, Programs, State

Form = frozenset[tuple[Point, int]]  # each point, and the length of the longest chain of dependent ones that ends in it
Values = tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Truth:
    """What there is to find."""

    interleavings: int = 0
    classes: dict[Form, int] = field(default_factory=dict)  # and the least preemptions that lead to each
    values: set[Values] = field(default_factory=set)
    deadlocks: set[Form] = field(default_factory=set)


def brute_force(programs: Programs, most: int = 10**9) -> Truth | None:
    """Every interleaving to its end; None if there are more than `most`."""
    truth = Truth()
    for state, form, preemptions in _ends(State(programs), (), "", 0):
        truth.interleavings += 1
        if truth.interleavings > most:
            return None
        key = frozenset(form)
        truth.classes[key] = min(preemptions, truth.classes.get(key, preemptions))
        truth.values.add(tuple(sorted(state.values.items())))
        if state.open:
            truth.deadlocks.add(key)
    return truth


def form_of(points: tuple[Point, ...]) -> Form:
    """The class of a run."""
    form: tuple[tuple[Point, int], ...] = ()
    for point in points:
        form = _longer(form, point)
    return frozenset(form)


def _longer(form: tuple[tuple[Point, int], ...], point: Point) -> tuple[tuple[Point, int], ...]:
    level = 1 + max((height for other, height in form if dependent(other, point)), default=0)
    return (*form, (point, level))


def _ends(
    state: State, form: tuple[tuple[Point, int], ...], last: str, preemptions: int
) -> Iterator[tuple[State, tuple[tuple[Point, int], ...], int]]:
    enabled = state.enabled()
    if not enabled:
        yield state, form, preemptions
    could_stay = any(point.actor == last for point in enabled)
    for point in enabled:
        after = state.copy()
        after.go(point.actor)
        cost = could_stay and point.actor != last
        yield from _ends(after, _longer(form, point), point.actor, preemptions + cost)


def random_programs(random: Random) -> Programs:
    """2 or 3 actors of 2 to 5 operations: variables, locks nested in any order, also shared, branches on what was read.

    Branches count by their longer side. A program has either locks that are tried, or locks let go of silently: a lock
    that is tried while another lets go of it silently is a dependency that no touch shows.
    """
    acquire = random.choice(("lock", "lock", "share"))
    names = "abc"[: random.choice((2, 3, 3))]
    release = random.choice(("unlock", "unlock", "drop"))
    return {name: _program(random, random.randint(2, 5), acquire, release) for name in names}


def _program(random: Random, left: int, acquire: str, release: str) -> tuple[Op | If, ...]:
    program: list[Op | If] = []
    held: list[str] = []
    while left > len(held):
        free = sorted({"m", "n"} - set(held))
        kind = random.random()
        if kind < 0.45 and free and left >= len(held) + 2:
            held.append(random.choice(free))
            program.append(Op(random.choice(("lock", acquire)), held[-1]))
        elif kind < 0.55 and held:
            program.append(Op(release, held.pop(random.randrange(len(held)))))
        elif kind < 0.7 and left >= len(held) + 2 and (branch := _branch(random, left - len(held) - 1, free, release)):
            program.extend(branch)
            left -= 1
        else:
            program.append(_access(random))
        left -= 1
    return (*program, *(Op(release, name) for name in reversed(held)))


def _branch(random: Random, left: int, free: list[str], release: str) -> list[Op | If]:
    """A read or a try, and at most one operation on either side of what follows from it."""
    if release == "unlock" and free and random.random() < 0.5:
        name = random.choice(free)
        return [Op("trylock", name), If(odd=(Op("unlock", name),), even=(_access(random),))]
    sides = ((_access(random),), (_access(random),) if random.random() < 0.5 else ())
    return [Op("read", random.choice("xy")), If(odd=sides[0], even=sides[1])]


def _access(random: Random) -> Op:
    return Op(random.choice(("read", "write", "set")), random.choice("xy"))
