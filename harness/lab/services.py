"""A target's services: processes that its commands start by themselves and leave behind for the commands after them.

An adapter names them (`harness.targets.extras.service`), one a home. A service is no leftover of the command that
happened to start it, and what it has locked, or listens on, is its own affair. All that it has started itself is still
child work of a command, and at the end of the run the service has to end as well. It refuses to take a command that
was started as an actor for a service: that is what is judged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil

from harness.errors import LabError
from harness.events import ServiceSeen
from harness.lab.actor import Actor
from harness.processes import tree
from harness.targets.extras import service

if TYPE_CHECKING:
    from harness.lab import Lab

ENDS_WITHIN = 10.0  # seconds from SIGTERM; as nothing but this is waited for then, they also do on a busy machine
_POLL = 0.05  # seconds; each look reads the whole of /proc


class Services:
    """Those of one lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def alive(self) -> tuple[tree.Seen, ...]:
        """Those that the adapter names for one of the run's homes, and that are processes of the run."""
        lab = self._lab
        named = {service(lab.target, replace(lab.site, home=home)) for home in lab.homes} - {None}
        if wrong := [pid for pid in named if type(pid) is not int]:
            raise LabError(f"the adapter's service gave {wrong[0]!r}", hint="give a pid as an int, or None")
        commands = {actor.pid for actor in lab.actors.values()}
        return tuple(seen for seen in self._below() if seen.pid in named - commands) if named else ()

    def left_by(
        self, actor: Actor, services: Collection[tree.Seen], among: Collection[tree.Seen], *, ended: bool
    ) -> tuple[tree.Seen, ...]:
        """Which of these living processes count as the actor's, whose tree has `ended` or not.

        What a service has started says by its environment whose the service is, and not for whom it works: once all
        other commands have ended, it is the actor's.
        """
        own = {seen.pid for seen in services}
        alone = services and all(other.exited for other in self._lab.actors.values() if other is not actor)
        theirs, labels = (tree.family(own), {seen.actor for seen in services}) if alone else (frozenset(), set())
        # A process that threw its environment away says not whose it is; while the tree lives on, it counts as its.
        return tuple(
            seen
            for seen in among
            if seen.pid not in own
            and (seen.actor in {actor.name, *labels} or seen.pid in theirs or (not seen.actor and not ended))
        )

    async def nothing_else_left(self, actor: Actor, services: Collection[tree.Seen], grace: float) -> None:
        """Wait until nothing of the actor is left but services, at most `grace` seconds."""
        give_up = time.monotonic() + grace
        while self.left_by(actor, services, self._below(), ended=False) and time.monotonic() < give_up:  # noqa: ASYNC110 - ends in other trees are no event
            await asyncio.sleep(_POLL)

    async def end(self) -> None:
        """Have each end by SIGTERM, and record whether it did."""
        services = self.alive()
        for seen in services:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(seen.pid)
                if process.create_time() == seen.created:
                    process.terminate()
        give_up = time.monotonic() + ENDS_WITHIN
        while (left := self._identities() & {_identity(seen) for seen in services}) and time.monotonic() < give_up:  # noqa: ASYNC110 - as above
            await asyncio.sleep(_POLL)
        for seen in services:
            ended = _identity(seen) not in left
            self._lab.record(ServiceSeen(pid=seen.pid, command=seen.command, ended=ended))

    def _identities(self) -> frozenset[tuple[int, float]]:
        return frozenset(map(_identity, self._below()))

    def _below(self) -> tuple[tree.Seen, ...]:
        return tree.below(self._lab.launcher.pid)


def _identity(seen: tree.Seen) -> tuple[int, float]:
    return seen.pid, seen.created
