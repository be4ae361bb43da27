"""A local failure is taken for a provider's: the turn goes through all models because a session is locked.

As OpenClaw 2026.3.8 did [OC#43367]: a second run on a held session asks no provider, as the lock stops
every attempt, but the credential of the OAuth provider is renewed on the way; if that fails, its error is
what the user reads. The same happens here with any other local failure inside an attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference import failover
from reference.auth import profile_of
from reference.deadline import Deadline
from reference.errors import Busy, Local, OrchestratorError
from reference.home import Home
from reference.parts import Parts

BREAKS = ("FLO-1", "LCK-6", "AUT-8")  # LCK-6: where that error is read, no holder is named


class _SessionLock:
    """The session's lock, whose refusal is met with the list of models."""

    def __init__(self, parts: Parts, home: Home, *names: str) -> None:
        self._parts = parts
        self._home = home
        self._lock = parts.session_lock(home, *names)

    def acquire(self, deadline: Deadline, waiting: Callable[[Local], object]) -> None:
        try:
            self._lock.acquire(deadline, waiting)
        except Busy as busy:
            raise self._last_failure(busy) from busy

    def busy(self) -> Local:
        return self._lock.busy()

    def release(self) -> None:
        self._lock.release()

    def _last_failure(self, busy: Busy) -> OrchestratorError:
        """Every model fails on the lock, after its credential has been made ready for nothing."""
        failure: OrchestratorError = busy
        config = self._parts.config_store(self._home).read()
        for model in config.get("models", []):
            provider = model.partition("/")[0]
            try:
                self._make_ready(provider, config.get("providers", {}).get(provider, {}))
                failure = busy
            except OrchestratorError as error:
                failure = error
        return failure

    def _make_ready(self, provider: str, config: dict[str, Any]) -> None:
        auth = self._parts.auth(self._home)
        seconds = Deadline.after(10.0)
        if config.get("auth") == "oauth":
            auth.renew(provider, config, auth.store.get(profile_of(provider, config)).access, seconds)


def _moves_on(error: OrchestratorError) -> bool:
    return isinstance(error, Local) or failover.moves_on(error)


def replace(parts: Parts) -> Parts:
    def complete(**arguments: Any) -> Any:
        return failover.complete(**arguments, policy=failover.Policy(moves_on=_moves_on))

    def session_lock(home: Home, agent: str, session: str, run_id: str) -> Any:
        return _SessionLock(parts, home, agent, session, run_id)

    return parts.replace(complete=complete, session_lock=session_lock)
