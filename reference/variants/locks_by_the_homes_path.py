"""What belongs to a state directory is known by a digest of its path: its gateway's lock, and those of its sessions.

Breaks LCK-4 and LCK-9. Through a symbolic link it is another state directory, with the same sessions in it.
"""

from __future__ import annotations

import hashlib

from reference.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("LCK-4", "LCK-9")

_lock = Home.lock


def _by_path(self: Home, name: str) -> str:
    known = name == "gateway" or name.startswith("session-")
    return _lock(self, f"{name}-{hashlib.sha256(self.path.encode()).hexdigest()[:12]}" if known else name)


def replace(parts: Parts) -> Parts:
    """Swap where locks are."""
    Home.lock = _by_path  # type: ignore[method-assign]
    return parts
