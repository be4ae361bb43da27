"""Each profile is renewed under its own lock, but the file that all of them share is changed without one [OS#329].

Breaks AUT-7. Of two profiles that are renewed at once, who writes last puts the other's spent token back: it had read
the file before. cx-cli#197 lost sign-ins by it as well.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from reference.auth.store import Store
from reference.parts import Parts
from reference.variants._refreshes import replace_store

BREAKS = ("AUT-7",)


class _NoLock:
    def acquire(self, deadline: object) -> Any:
        """Nothing to wait for, nothing to give back."""
        return nullcontext()


class _Store(Store):
    __slots__ = ()

    def _lock(self, name: str, what: str) -> Any:
        return _NoLock() if name == "credentials" else super()._lock(name, what)


def replace(parts: Parts) -> Parts:
    return replace_store(parts, _Store)
