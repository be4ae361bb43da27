"""Host names that a target must find on this machine: an address for each, and the files in which it looks them up.

The addresses must look public, because some programs refuse private ones, and must be nobody's. The documentation
networks (RFC 5737, RFC 3849) will not do: programs that guard against forged addresses count them as reserved, and
so does Python's `is_global`. Those of the AS112 project (RFC 7534, RFC 7535) are in the registries as globally
reachable, belong to no operator of a service, and hold name servers alone, which say of private addresses that they
have no names. No packet is ever sent there: whoever connects to one is connected to this machine instead.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

_IPV4 = ipaddress.IPv4Network("192.31.196.0/24")  # AS112-v4; .1 is in use
_IPV6 = ipaddress.IPv6Network("2620:4f:8000::/48")  # Direct Delegation AS112; 2001:4:112::/48 is private to Python 3.11
_FIRST = 10
_MOST = 200  # as many as fit behind _FIRST
_LOCAL = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
_SERVICES = Path("/etc/nsswitch.conf")
# Nobody may ask a name service about the rest; a resolver that does not see the refusal gives up after a second.
_RESOLVER = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Names:
    """What stands for what. The same names get the same addresses in every run.

    Raises ValueError for more names than there are addresses.
    """

    def __init__(self, hosts: Collection[str]) -> None:
        if len(hosts) > _MOST:
            raise ValueError(f"{len(hosts)} names are more than the {_MOST} that addresses are kept for")
        self.hosts = tuple(sorted({host.lower() for host in hosts}))
        numbered = list(enumerate(self.hosts, _FIRST))
        self._names: dict[Address, str] = {net[number]: host for number, host in numbered for net in (_IPV4, _IPV6)}

    def name_of(self, address: Address) -> str | None:
        """The name that an address stands for; None for any other address."""
        return self._names.get(address)

    def addresses(self, host: str) -> tuple[Address, ...]:
        """The addresses of a name, IPv4 first; none for a name that is not ours."""
        return tuple(address for address, name in self._names.items() if name == host.lower())

    def files(self) -> Mapping[str, bytes]:
        """What a program is to find in each file that names are looked up in, by the file's real path.

        Of the machine's own hosts file nothing is kept but that the machine's own name means itself.
        """
        hosts = (
            _LOCAL
            + f"127.0.0.1 {socket.gethostname()}\n"
            + "".join(f"{address} {name}\n" for address, name in self._names.items())
        )
        texts = {"/etc/hosts": hosts, "/etc/resolv.conf": _RESOLVER, str(_SERVICES): _services()}
        return {os.path.realpath(path): text.encode() for path, text in texts.items()}


def _services() -> str:
    """The machine's own nsswitch.conf(5), but host names come from the file first, and from no daemon.

    A daemon (nss-resolve, mdns) would read the machine's hosts file, and would ask outside on a target's behalf.
    """
    try:
        lines = _SERVICES.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        lines = []
    kept = [line for line in lines if not line.lstrip().startswith("hosts:")]
    return "\n".join([*kept, "hosts: files dns", ""])
