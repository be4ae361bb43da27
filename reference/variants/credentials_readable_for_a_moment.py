"""Tokens are written into a temporary as everybody may read it, which becomes private just before the rename.

Breaks AUT-9. Whoever looks at the credential file itself never sees it open. No single thread: it is what a chmod after
the write does, wherever the mode is not given to the open.
"""

from __future__ import annotations

import os

from reference import durable
from reference.auth import Credentials
from reference.auth.splice import put_profile
from reference.auth.store import EMPTY, MODE, Store
from reference.home import Home
from reference.parts import Parts

BREAKS = ("AUT-9",)


class _Store(Store):
    def write(self, before: bytes | None, profile: str, entry: dict[str, object]) -> None:
        text = EMPTY if before is None else before.decode("utf-8-sig")

        def close() -> None:
            folder, name = os.path.split(self.path)
            for entry in os.listdir(folder):
                if entry.startswith(f".{name}.") and durable.writer_of(entry) == os.getpid():
                    os.chmod(os.path.join(folder, entry), MODE)

        durable.replace(self.path, put_profile(text, profile, entry).encode(), 0o644, before_rename=close)


class _Credentials(Credentials):
    def __init__(self, home: Home) -> None:
        self.store = _Store(home)


def replace(parts: Parts) -> Parts:
    return parts.replace(auth=_Credentials)
