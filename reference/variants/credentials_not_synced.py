"""A renewed credential is put in place, and not synced: a power cut brings back the token that was spent for it.

Breaks CFG-10. The next refresh sends the old token once more, and the server ends the whole sign-in.
"""

from __future__ import annotations

import os

from reference import durable
from reference.auth.splice import put_profile
from reference.auth.store import EMPTY, MODE, Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("CFG-10",)


def _write(self: Store, before: bytes | None, profile: str, entry: dict[str, object]) -> None:
    text = EMPTY if before is None else before.decode("utf-8-sig")
    temporary = durable.temporary_name(*os.path.split(self.path))
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    try:
        durable.write_all(descriptor, put_profile(text, profile, entry).encode())
    finally:
        os.close(descriptor)
    os.rename(temporary, self.path)


def replace(parts: Parts) -> Parts:
    """Swap how the store is written."""
    Store.write = _write  # type: ignore[method-assign]
    return parts
