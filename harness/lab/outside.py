"""What the targets of one run find outside themselves: vendors' names behind which the fakes are, and nothing more.

Every look-up by the C library ends at a resolver of ours, which knows those names and tells the journal of all others;
it costs nothing but the stop of its connect. For a target with a resolver of its own the name files are answered too,
and then every opening of a file stops.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fakes.resolver import Resolver
from fakes.server import Fakes
from harness.conductor.calls import Family
from harness.conductor.lookups import Lookups
from harness.conductor.names import Names
from harness.conductor.redirect import Door, Redirect
from harness.events import NetworkRedirected, NetworkRefused
from harness.journal import Journal
from harness.targets.protocol import VendorNames


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """For the seal of every actor of the run."""

    redirect: Redirect
    lookups: Lookups | None

    @property
    def families(self) -> frozenset[Family]:
        """The calls that must stop for it."""
        return frozenset({Family.NETWORK, Family.LOOKUP} if self.lookups is not None else {Family.NETWORK})


@asynccontextmanager
async def outside(wanted: VendorNames, fakes: Fakes, journal: Journal) -> AsyncIterator[Outside]:
    """Put the fakes behind the names, TLS at 443 and plain at 80, until every target has ended. Raises OSError."""
    names = Names(wanted.hosts)

    def connected(actor: str, address: str) -> None:
        journal.record(NetworkRedirected(actor=actor, address=address))

    def asked(name: str, port: int) -> None:
        if not names.addresses(name):
            actor = made.redirect.asker(port) or "somebody"
            journal.record(NetworkRefused(actor=actor, address=f"the name {name}"))

    async with Resolver(names.addresses, asked) as resolver:
        redirect = Redirect(names, _doors(fakes), connected, resolver.port)
        made = Outside(redirect=redirect, lookups=Lookups(names.files()) if wanted.in_files else None)
        try:
            yield made
        finally:
            redirect.close()
            if made.lookups is not None:
                made.lookups.close()


def _doors(fakes: Fakes) -> dict[int, Door]:
    """A port that the fakes do not listen on has no door."""
    ports = {443: (fakes.tls_port, fakes.tls_port6), 80: (fakes.port, fakes.port6)}
    return {port: Door(ipv4=ipv4, ipv6=ipv6 or None) for port, (ipv4, ipv6) in ports.items() if ipv4}
