"""The gates of the fakes as the lab sees them: one held reply as the scheduler's, and all that a gate holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fakes.gates import Ticket
from fakes.server import Fakes
from harness.errors import HeldTooLong

PATIENCE_SECONDS = 5.0  # who gives up on a held reply sooner than that has a reason of its own


@dataclass(frozen=True, slots=True)
class HeldReply:
    """What the scheduler sees of an exchange that the fakes hold."""

    fakes: Fakes
    ticket: Ticket

    def waits(self) -> bool:
        return self.fakes.waits(self.ticket)

    def go(self) -> None:
        self.fakes.let_go(self.ticket)


class Gate:
    """What one gate holds while others are waited for."""

    def __init__(self, fakes: Fakes, name: str) -> None:
        self._fakes, self._name = fakes, name
        self._shut = asyncio.get_running_loop().time()  # when the first began to wait, or later
        self.held = 0

    def look(self) -> int:
        """How many exchanges it holds. Raises HeldTooLong when one has left that had to wait for long."""
        held, now = self._fakes.held.get(self._name, 0), asyncio.get_running_loop().time()
        if not self.held:
            self._shut = now
        waited = now - self._shut
        if held < self.held and waited > PATIENCE_SECONDS:
            raise HeldTooLong(
                f"a client gave up on its reply, held at {self._name} for {waited:.0f} s, before the others had come",
                hint="try again when the machine is less busy, or give the target more patience with its servers",
            )
        self.held = held
        return held
