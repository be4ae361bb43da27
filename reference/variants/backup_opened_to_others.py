"""The backup of a config is a copy with the usual permissions: others can read the keys in it.

Breaks AUT-9. Its owner has closed the config; nobody thinks of the copy beside it.
"""

from __future__ import annotations

import os

from reference import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("AUT-9",)

_rotate = config.rotate


def _copied(path: str) -> None:
    """As cp(1) without -p does it."""
    _rotate(path)
    backup = config.backup_path(path, 1)
    copy = f"{backup}.copy"
    with open(path, "rb") as old, open(copy, "wb") as new:
        new.write(old.read())
    os.chmod(copy, 0o644)
    os.rename(copy, backup)


def replace(parts: Parts) -> Parts:
    """Swap how the backups move up."""
    config.rotate = _copied
    return parts
