"""Programs that change shared files, strategies of a few lines, and how they are run under a scheduler."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from harness.conductor.calls import Family
from harness.conductor.scheduler import Scheduler
from harness.processes import tree
from harness.schedules.decisions import Decisions

CHANGES = frozenset({Family.REPLACE, Family.OPEN, Family.REMOVE, Family.MAKE, Family.LOCK, Family.LIMIT, Family.FORK})
ORDERED = CHANGES | {Family.READ, Family.LIST}  # without reads an actor has read what it will before its first turn
# Reads a number, and replaces the file by one that is greater by one: the update that a second one can lose.
INCREMENT = """
import os, sys
old = int(open("count").read())
with open(f"new.{os.getpid()}", "w") as file:
    file.write(str(old + 1))
os.rename(f"new.{os.getpid()}", "count")
"""
LOCKED = (
    """
import fcntl
lock = open("lock", "a")
fcntl.flock(lock, fcntl.LOCK_EX)
"""
    + INCREMENT
)


TRY = "fcntl.LOCK_EX | fcntl.LOCK_NB"


class Replayed:
    """Actors by name first, then as another strategy says."""

    def __init__(self, *parts):
        *self._actors, self._then = parts

    def choose(self, choice):
        if self._actors:
            wanted = self._actors.pop(0)
            return next(point for point in choice.enabled if point.actor == wanted)
        return self._then.choose(choice)


class First:
    """Whoever is first by name goes on until it ends or waits."""

    def choose(self, choice):
        return choice.enabled[0]


class Rotating:
    """Never the same twice in a row, if there is another."""

    def choose(self, choice):
        others = [point for point in choice.enabled if choice.last is None or point.actor != choice.last.actor]
        return (others or choice.enabled)[0]


async def schedule(
    rig, strategy, actors: dict[str, Sequence[str]], *, families=ORDERED, decisions="-", where=lambda call: True,
    **options,
):  # fmt: skip
    """Run the actors under a scheduler to their end; gives it. `options` are of how they are started."""
    folder = str(rig.folder)

    class Around:
        def processes(self, actor):
            running = rig.running[actor]
            plural = running.supervisor.plural
            return tree.family({running.process.pid}) if plural else frozenset({running.process.pid})

    scheduler = Scheduler(
        fault="ordered", parties=len(actors), where=where, root=folder, strategy=strategy,
        decisions=Decisions.parse(decisions), surroundings=Around(), record=rig.events.append,
    )  # fmt: skip
    rig.directors.append(scheduler)
    for name, argv in actors.items():
        running = await rig.start(name, *argv, families=families, **options)
        scheduler.start(name, running.supervisor)
    await asyncio.gather(*(rig.running[name].ended() for name in actors))
    scheduler.open()
    if scheduler.failure is not None:
        raise scheduler.failure
    return scheduler


def python(code):
    return (sys.executable, "-S", "-E", "-P", "-c", code)


def order(scheduler):
    return [point.actor for point in scheduler.trace.points]
