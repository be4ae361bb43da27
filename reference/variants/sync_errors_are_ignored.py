"""A sync is asked for, and whether it succeeded is not: the add exits with 0 on a disk that takes nothing any more.

Breaks CFG-10. What could not be written is still to be read until the next start, so that nobody sees it; databases
have lost data like this for years.
"""

from __future__ import annotations

import os
from contextlib import suppress

from reference.parts import Parts

BREAKS = ("CFG-10",)

_fsync = os.fsync


def _asked(descriptor: int) -> None:
    with suppress(OSError):
        _fsync(descriptor)


def replace(parts: Parts) -> Parts:
    """Swap fsync(2)."""
    os.fsync = _asked  # type: ignore[assignment]
    return parts
