"""That no descriptor is left for a socket (EMFILE, ENFILE) is a failure to connect, and the provider's.

Breaks FLO-1. A program that tells its own errors from others' by where they came up, and not by what they are, goes on
to the next provider, which it may reach by chance: the conversation is disclosed, and nobody learns of the limit.
"""

from __future__ import annotations

import errno
from typing import Any

from reference.parts import Parts

BREAKS = ("FLO-1",)


def _complete(**arguments: Any) -> Any:
    """Ask as always; the transport is imported on use."""
    from reference import failover
    from reference.providers import transport

    known = transport._LOCAL_CAUSES
    transport._LOCAL_CAUSES = {n: told for n, told in known.items() if n not in (errno.EMFILE, errno.ENFILE)}
    return failover.complete(**arguments)


def replace(parts: Parts) -> Parts:
    """Swap what is known of this machine's errors."""
    return parts.replace(complete=_complete)
