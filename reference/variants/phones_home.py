"""Every command asks for news of the program before it does its work.

Breaks NET-1. The socket is one of datagrams, and connecting it sends nothing; it is the attempt that counts, and
192.0.2.1 is nobody's (RFC 5737). No single thread: update checks and telemetry are the default of nearly every CLI.
"""

from __future__ import annotations

import contextlib
import socket

from reference import streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("NET-1",)


def prepare() -> None:
    """Look for an update first; that there is no network must not hurt."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as news:
        news.connect(("192.0.2.1", 443))
    streams.prepare()


def replace(parts: Parts) -> Parts:
    """Swap the preparation of the streams."""
    return parts.replace(prepare=prepare)
