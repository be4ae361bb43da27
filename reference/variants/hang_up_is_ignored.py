"""A run does not hear that its terminal was closed, and goes on with all that it has started [ON#12767, CC#21287].

Breaks CHD-1. Nobody is there any more to read its answer or to stop it, and each closed window leaves one behind.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CHD-1",)


def replace(parts: Parts) -> Parts:
    """Nothing is swapped: SIGHUP is ignored before anybody could listen to it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return parts
