"""A note that a refresh token is being spent, written before the request that spends it.

A process that dies between the request and the store, or never gets the answer, leaves a token of which
nobody can tell whether it is spent. The note is how the next process knows. A token whose outcome is unclear
is sent at most `MAX_SENDS` times in all, by whichever processes (AUT-5); one that was refused is not sent
again (AUT-4). The note holds a fingerprint, never the token; it belongs to the holder of the profile's lock.
"""

from __future__ import annotations

import json
import os

from reference import durable, jsonfile
from reference.home import make_private

MAX_SENDS = 2


class Pending:
    """The note for one refresh token: how often it went out without an answer, and how it was refused."""

    __slots__ = ("_fingerprint", "_path", "refused", "sends")

    def __init__(self, path: str, token: str) -> None:
        self._path = path
        self._fingerprint = _fingerprint(token)
        found = self._read()
        same = found.get("fingerprint") == self._fingerprint
        sends, refused = found.get("sends"), found.get("refused")
        self.sends = max(sends, 0) if same and isinstance(sends, int) else 0
        self.refused = refused if same and isinstance(refused, str) else ""

    @property
    def is_over(self) -> bool:
        """Whether the token must not go out again."""
        return bool(self.refused) or self.sends >= MAX_SENDS

    def sending(self) -> None:
        """The token is about to go out. Raises OSError, and then it must not."""
        self.sends += 1
        self._write()

    def answered(self) -> None:
        """The server answered that it could not serve the request, so this send does not count."""
        self.sends -= 1
        self._write()

    def refuse(self, code: str) -> None:
        """The server will not take this token again."""
        self.refused = code
        self._write()

    def clear(self) -> None:
        """The successor is in the store: the note has served. One that stays behind speaks of another token."""
        try:
            os.unlink(self._path)
        except OSError:
            return

    def _write(self) -> None:
        note = {"fingerprint": self._fingerprint, "sends": self.sends, "refused": self.refused}
        make_private(os.path.dirname(self._path))
        durable.replace(self._path, json.dumps(note).encode() + b"\n")

    def _read(self) -> dict[str, object]:
        """What the note says; one that cannot be understood says nothing about our token."""
        try:
            return jsonfile.parse_object(durable.read(self._path))
        except (FileNotFoundError, jsonfile.Damaged):
            return {}


def _fingerprint(token: str) -> str:
    from hashlib import sha256

    return sha256(token.encode()).hexdigest()[:32]
