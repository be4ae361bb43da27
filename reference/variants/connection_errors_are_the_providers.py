"""Whatever keeps a connection from being made is the provider's failure, this machine's own limits included.

Breaks FLO-1. Programs that see one kind of network error take a lack of ports or descriptors for an outage, and ask the
next provider.
"""

from __future__ import annotations

from typing import Any

from reference.parts import Parts

BREAKS = ("FLO-1",)


def _complete(**arguments: Any) -> Any:
    """Ask as always; the transport is imported on use."""
    from reference import failover
    from reference.providers import transport

    transport._LOCAL_CAUSES = {}
    return failover.complete(**arguments)


def replace(parts: Parts) -> Parts:
    """Swap what is known of this machine's errors."""
    return parts.replace(complete=_complete)
