"""What the targets of one run find outside themselves: names that lead to the fakes, and nothing else beyond loopback.

One for a run whose target asks for names; a run without them has a seal alone and stops no opening for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from harness.conductor.calls import Family
from harness.conductor.lookups import Lookups
from harness.conductor.names import Names
from harness.conductor.redirect import Door, Redirect

FAMILIES = frozenset({Family.NETWORK, Family.LOOKUP})  # what must stop for it


class Network:
    """The names of a run and the doors behind them, by port; `connected(actor, "name:port")` is told of each use."""

    def __init__(
        self, hosts: Collection[str], doors: Mapping[int, Door], connected: Callable[[str, str], None]
    ) -> None:
        names = Names(hosts)
        self.redirect = Redirect(names, doors, connected)
        self.lookups = Lookups(names.files())

    def close(self) -> None:
        """Let go of everything; the targets must have ended."""
        self.redirect.close()
        self.lookups.close()
