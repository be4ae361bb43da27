"""Tokens are written in place, into a file that everybody on the machine may read.

That is what `open(path, "w")` leaves; Codex and pi rewrite their credential file in place. Who dies while writing it,
or meets a full disk, takes every profile down; who cannot open it loses what the server has just sent.
"""

from __future__ import annotations

import os

from reference.auth import Credentials
from reference.auth.splice import put_profile
from reference.auth.store import EMPTY, Store
from reference.home import Home
from reference.parts import Parts

BREAKS = ("AUT-9",)
MAY_BREAK = ("AUT-4", "RES-1", "RES-2", "RES-3")


class _Store(Store):
    def write(self, before: bytes | None, profile: str, entry: dict[str, object]) -> None:
        text = EMPTY if before is None else before.decode("utf-8-sig")
        with open(self.path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(put_profile(text, profile, entry))


class _Credentials(Credentials):
    def __init__(self, home: Home) -> None:
        self.store = _Store(home)


def replace(parts: Parts) -> Parts:
    return parts.replace(auth=_Credentials)
