"""What two variants share: a part of the program in which nothing is synced."""

from __future__ import annotations

import os
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def unsynced() -> Iterator[None]:
    """Let fsync(2) do nothing inside."""
    sync = os.fsync
    os.fsync = lambda fd: None
    try:
        yield
    finally:
        os.fsync = sync
