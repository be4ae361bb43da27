"""A refresh is not to be disturbed: no time-out and no signal ends one whose server says nothing [PI#7508].

Breaks OPS-3. Whatever was right for the answer of the server is in force while there is none.
"""

from __future__ import annotations

import signal

from reference.auth.refresh import Refresh
from reference.deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.auth.store import Credential
    from reference.parts import Parts

BREAKS = ("OPS-3",)

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
_renew = Refresh.renew


def _undisturbed(self: Refresh, stale: Credential, deadline: Deadline) -> Credential:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        return _renew(self, stale, Deadline.after(None))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def replace(parts: Parts) -> Parts:
    """Swap the refresh."""
    Refresh.renew = _undisturbed  # type: ignore[method-assign]
    return parts
