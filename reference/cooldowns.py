"""Which models a provider asked to be left alone, and until when.

Only a provider's own request (`retry-after` and its kin) is remembered, and only for what it was about: one
model, or one profile when the account's quota is used up. A failure without such a request says nothing
about the next turn, so it is forgotten with its turn (FLO-6). Local errors are never recorded (FLO-1).
"""

from __future__ import annotations

import json
import os
import time

from reference import durable, jsonfile
from reference.deadline import Deadline
from reference.errors import Local
from reference.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.errors import Retryable
    from reference.home import Home

LOCK_SECONDS = 10.0


class Rest:
    """One cooldown in force: the failure that caused it and the seconds that are left."""

    __slots__ = ("code", "key", "seconds", "status")

    def __init__(self, *, key: str, code: str, status: int | None, seconds: float) -> None:
        self.key = key
        self.code = code
        self.status = status
        self.seconds = seconds


class Cooldowns:
    """The cooldowns of one state directory, in `cooldowns.json`."""

    __slots__ = ("_lock", "path")

    def __init__(self, home: Home) -> None:
        self.path = os.path.join(home.path, "cooldowns.json")
        self._lock = home.lock("cooldowns")

    def active(self, keys: tuple[str, ...]) -> Rest | None:
        """The longest cooldown in force for any of `keys`. Raises Local `cooldowns-damaged`, OSError."""
        known = self._read()
        rests = [rest for key in keys if (rest := _rest(key, known.get(key))) is not None]
        return max(rests, key=lambda rest: rest.seconds, default=None)

    def record(self, key: str, error: Retryable, deadline: Deadline) -> None:
        """Remember that `key` rests for `error.retry_after` seconds; nothing if the provider did not ask.

        A longer rest that it has asked for before stands: turns that had asked it at the same time are answered in any
        order, and each answer is to be honoured. Raises Busy, Local `cooldowns-damaged`, OSError.
        """
        if not error.retry_after:
            return
        now = time.time()
        entry = {"since": now, "until": now + error.retry_after, "code": error.code, "status": error.status}
        with Lock(self._lock, code="cooldowns-busy", what="the cooldowns").acquire(deadline.sooner(LOCK_SECONDS)):
            known = self._read()
            there = _rest(key, known.get(key))
            if there is not None and self.stands(there, error.retry_after):
                return
            kept = {other: value for other, value in known.items() if _rest(other, value) is not None}
            document = {"version": 1, "cooldowns": {**kept, key: entry}}
            durable.replace(self.path, json.dumps(document, indent=2).encode() + b"\n", 0o600)

    def stands(self, there: Rest, seconds: float) -> bool:
        """Whether a rest in force outlasts one that is asked for now."""
        return there.seconds >= seconds

    def _read(self) -> dict[str, Any]:
        try:
            found = jsonfile.parse_object(durable.read(self.path)).get("cooldowns")
        except FileNotFoundError:
            return {}
        except jsonfile.Damaged as error:
            raise self._damaged(error.reason) from None
        if not isinstance(found, dict):
            raise self._damaged('"cooldowns" must be an object')
        return found

    def _damaged(self, reason: str) -> Local:
        return Local(
            "cooldowns-damaged",
            f"{self.path}: {reason}",
            hint="remove the file; the providers are then asked again at once",
            detail={"path": self.path},
        )


def _rest(key: str, entry: object) -> Rest | None:
    """The cooldown if it is in force. One from the future was written before the clock was set back."""
    if not isinstance(entry, dict):
        return None
    since, until, now = jsonfile.number(entry.get("since")), jsonfile.number(entry.get("until")), time.time()
    if since is None or until is None or not since <= now < until:
        return None
    status = entry.get("status")
    return Rest(
        key=key,
        code=str(entry.get("code", "")),
        status=status if isinstance(status, int) else None,
        seconds=until - now,
    )
