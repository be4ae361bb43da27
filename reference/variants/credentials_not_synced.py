"""A renewed credential is put in place, and not synced: a power cut brings back the token that was spent for it.

Breaks CFG-10. The next refresh sends the old token once more, and the server ends the whole sign-in.
"""

from __future__ import annotations

from reference.auth.store import Store
from reference.variants._unsynced import unsynced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-10",)

_write = Store.write


def _write_and_hope(self: Store, before: bytes | None, profile: str, entry: dict[str, object]) -> None:
    with unsynced():
        _write(self, before, profile, entry)


def replace(parts: Parts) -> Parts:
    """Swap how the store is written."""
    Store.write = _write_and_hope  # type: ignore[method-assign]
    return parts
