"""Who asks for what another one has waits, whichever way it asks, in every order."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.conductor.calls import Family
from harness.schedules.dpor import Explorer
from harness.schedules.points import named
from harness.verdict import Verdict
from tests.harness.conductor.ordered import (
    CHANGES,
    INCREMENT,
    LOCKED,
    TRY,
    First,
    Replayed,
    Rotating,
    python,
    schedule,
)


@pytest.mark.parametrize("strategy", [Rotating, First])
def test_who_waits_for_a_lock_is_not_asked(conduct, strategy):
    async def body(rig):
        (rig.folder / "count").write_text("0")
        actors = {name: python(LOCKED) for name in "abc"}
        scheduler = await schedule(rig, strategy(), actors)
        return scheduler, (rig.folder / "count").read_text()

    scheduler, count = conduct(body)
    assert count == "3"
    holder = None
    for step in scheduler.trace.steps:
        if step.chosen.call == "flock":
            assert holder is None
            holder = step.chosen.actor
        if step.chosen.call == "rename":
            assert holder == step.chosen.actor
            holder = None


def test_lock_by_exclusive_creation(conduct):
    code = (
        """
import os, time
while True:
    try: os.close(os.open("lock", os.O_CREAT | os.O_EXCL)); break
    except FileExistsError: time.sleep(0.001)
"""
        + INCREMENT
        + 'os.unlink("lock")'
    )

    async def body(rig):
        (rig.folder / "count").write_text("0")
        scheduler = await schedule(rig, Rotating(), {name: python(code) for name in "ab"}, families=CHANGES)
        return len(scheduler.trace.steps), (rig.folder / "count").read_text()

    steps, count = conduct(body)
    assert count == "2"
    assert steps <= 10


def test_record_locks(conduct):
    code = LOCKED.replace("flock(lock", "lockf(lock")

    async def body(rig):
        (rig.folder / "count").write_text("0")
        await schedule(rig, Rotating(), {name: python(code) for name in "abc"})
        return (rig.folder / "count").read_text()

    assert conduct(body) == "3"


def test_a_record_lock_is_about_its_bytes_and_a_shared_one_changes_nothing(conduct):
    code = """
import fcntl
lock = open("lock", "a+b")
fcntl.lockf(lock, fcntl.LOCK_SH, 1, 3)
fcntl.lockf(lock, fcntl.LOCK_EX, 2, 7)
fcntl.lockf(lock, fcntl.LOCK_UN)
fcntl.flock(lock, fcntl.LOCK_SH)
"""

    async def body(rig):
        (rig.folder / "lock").write_text("")
        scheduler = await schedule(rig, First(), {"a": python(code)}, families=frozenset({Family.LOCK}))
        return [(touch.object, touch.writes) for point in scheduler.trace.points for touch in named(point.touches)]

    assert conduct(body) == [
        ("lock:lock@3+1", False),
        ("lock:lock@7+2", True),
        ("lock:lock", True),
        ("lock:lock", False),
    ]


CONTEND = """
import os, time
while True:
    try: MAKE; break
    except FileExistsError: time.sleep(0.001)
open("log", "a").write(os.environ["PILEUP_ACTOR"])
UNMAKE
"""
EXCLUSIVE = {
    "open": ("os.close(os.open('lock', os.O_CREAT | os.O_EXCL))", "os.unlink('lock')"),
    "mkdir": ("os.mkdir('lock')", "os.rmdir('lock')"),
    "link": ("os.link('count', 'lock')", "os.unlink('lock')"),
}


@pytest.mark.parametrize("kind", EXCLUSIVE)
def test_three_that_contend_for_a_name_get_it_in_every_order(conduct, kind):
    """Whoever waited for the name makes it in the end, and does not find it made, as it would have at first.

    Of those who come later, the first fails in vain or not, the second while the first or the second has the lock, or
    not at all: six classes for each of the six orders.
    """
    make, unmake = EXCLUSIVE[kind]
    code = CONTEND.replace("UNMAKE", unmake).replace("MAKE", make)
    families = frozenset({Family.REPLACE, Family.OPEN, Family.REMOVE, Family.MAKE})

    async def body(rig):
        (rig.folder / "count").write_text("0")
        explorer, orders = Explorer(limit=100), Counter()
        while (strategy := explorer.next()) is not None:
            (rig.folder / "log").write_text("")
            scheduler = await schedule(rig, strategy, {name: python(code) for name in "abc"}, families=families)
            orders[(rig.folder / "log").read_text()] += 1
            explorer.executed(scheduler.trace, verdict=Verdict.CONFORMS)
            rig.running.clear()
            rig.directors.clear()
        return orders, explorer.certificate()

    orders, certificate = conduct(body)
    assert orders == dict.fromkeys(["abc", "acb", "bac", "bca", "cab", "cba"], 6)
    assert (certificate.classes, certificate.verdict) == (36, Verdict.CONFORMS)


LETS_GO = {
    "unlock": "fcntl.flock(lock, fcntl.LOCK_UN)",
    "close": "lock.close()",
    "end": "",
    "heir": "os.close(w); lock.close(); os.waitpid(child, 0)",
    "record": "open('lock').close()",
}


@pytest.mark.parametrize("way", LETS_GO)
@pytest.mark.parametrize("count", [2, 3])
def test_whoever_tries_for_a_lock_is_refused_in_every_order_however_its_holder_lets_go(conduct, way, count):
    """To close the file, or to end, is no point. What comes out is compared with all orders of two steps each."""
    take = f"fcntl.lockf(lock, {TRY})" if way == "record" else f"fcntl.flock(lock, {TRY})"
    heir = "r, w = os.pipe()\nif not (child := os.fork()): os.close(w); os.read(r, 1); os._exit(0)\n"
    code = f"""
import fcntl, os
lock = open("lock", "r+")
try: {take}
except OSError: os._exit(0)
{heir if way == "heir" else ""}open(os.environ["PILEUP_ACTOR"], "x").close()
{LETS_GO[way]}
"""
    actors = "abc"[:count]

    async def body(rig):
        (rig.folder / "lock").write_text("")
        explorer, seen = Explorer(limit=100), set()
        families = frozenset({Family.LOCK, Family.OPEN})
        while (strategy := explorer.next()) is not None:
            explorer.executed(
                (await schedule(rig, strategy, dict.fromkeys(actors, python(code)), families=families)).trace
            )
            seen.add("".join(name for name in actors if (rig.folder / name).exists()))
            for name in actors:
                (rig.folder / name).unlink(missing_ok=True)
            rig.running.clear()
            rig.directors.clear()
        return seen

    assert conduct(body) == {"".join(sorted(had)) for had in _had(dict.fromkeys(actors, 2))}


def _had(left, holder="", had=()):
    """Who has had the lock in the end, for every order in which each tries for it and, if it has it, lets go."""
    if not any(left.values()):
        yield had
    for name, steps in left.items():
        if steps == 2 and holder:
            yield from _had({**left, name: 0}, holder, had)
        elif steps == 2:
            yield from _had({**left, name: 1}, name, (*had, name))
        elif steps == 1:
            yield from _had({**left, name: 0}, "", had)


def test_a_ring_of_locks_is_broken_by_the_kernel(conduct):
    """All wait for each other: nobody could ever go on, if their calls were not let go all the same (EDEADLK)."""
    code = """
import fcntl, sys
for name in sys.argv[1:]:
    globals()[name] = open(name, "a")
    fcntl.lockf(globals()[name], fcntl.LOCK_EX)
"""
    ring = {"a": ("one", "two"), "b": ("two", "three"), "c": ("three", "one")}

    async def body(rig):
        actors = {name: (*python(code), *locks) for name, locks in ring.items()}
        await schedule(rig, Replayed(*"aabbcc", First()), actors, families=CHANGES)
        return [await rig.running[name].ended() for name in ring]

    assert sorted(conduct(body)) == [0, 0, 1]
