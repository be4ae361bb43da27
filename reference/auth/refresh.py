"""Single flight: one profile's access token is renewed once, however many processes need it.

The profile's lock is held from the re-read to the write, so exactly one process redeems a token (AUT-1) and
the others find its successor in the store. The order is: note, request, store, use. A crash at any point
leaves either the old token unspent, or the note that says that nobody knows (see `pending`).
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

from reference import stopping
from reference.auth.endpoint import (
    TOKEN_URL,
    AnswerLost,
    Grant,
    Refused,
    ServerFailed,
    Unavailable,
    redeem,
)
from reference.auth.pending import MAX_SENDS, Pending
from reference.auth.store import LOCK_SECONDS, Credential, Store, pending_path
from reference.errors import Auth, Local
from reference.providers import AN_ADDRESS, bad_config, is_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reference.deadline import Deadline

MAX_TRIES = 3  # requests with one token in one command, when the server says that it did nothing
FIRST_PAUSE = 0.2  # seconds, doubled for the next
LONGEST_PAUSE = 5.0  # a server that asks for more is not waited for
SHORTEST_LIFE = 120.0  # seconds; a shorter `expires_in` is a mistake and would refresh with every command
LONGEST_LIFE = 1e9  # seconds, some thirty years: a longer one is a mistake, and would be no date
STORE_SECONDS = 1.0  # for the file of credentials, beyond the turn's deadline
USUAL_LIFE = 3600.0  # seconds, where the server does not say


class Refresh:
    """The renewal of one profile."""

    tries = MAX_TRIES
    sends = MAX_SENDS
    note = Pending

    def __init__(self, store: Store, profile: str, provider: str, config: Mapping[str, Any]) -> None:
        self.store = store
        self.profile = profile
        self.provider = provider
        self.url = _token_url(provider, config)

    def renew(self, stale: Credential, deadline: Deadline) -> Credential:
        """A credential that is not `stale`: somebody else's newer one, or the successor got here.

        Raises Auth, Busy `credentials-busy`, Local, OSError, Stopped.
        """
        with self.store.lock(self.profile).acquire(deadline.sooner(LOCK_SECONDS)):
            current = self.store.get(self.profile)
            if current.access != stale.access or current.generation != stale.generation:
                return current  # a server may also give the same access token again, for longer
            try:
                return self.redeem(current, deadline)
            except Refused as refusal:
                return self.after_refusal(current, refusal, deadline)

    def after_refusal(self, spent: Credential, refusal: Refused, deadline: Deadline) -> Credential:
        """A program that does not know our lock may have renewed it: then its token is the one to use (AUT-2).

        The store is never deleted or emptied because of a refusal.
        """
        current = self.store.get(self.profile)
        if current.refresh == spent.refresh:
            raise self.sign_in(refusal.code) from refusal
        if current.is_fresh():
            return current
        try:
            return self.redeem(current, deadline)
        except Refused as again:
            raise self.sign_in(again.code) from again

    def redeem(self, current: Credential, deadline: Deadline) -> Credential:
        """Spend the refresh token of `current` and store what comes back, before anybody uses it."""
        note = self.note(pending_path(self.store.home, self.profile), current.refresh)
        if not current.refresh or note.refused:
            raise self.sign_in(note.refused or "no-refresh-token")
        held = _SignalsHeld()
        try:
            grant = self._send(current, note, deadline, held)
            renewed = self.keep(current, grant, deadline)
            note.clear()
        finally:
            held.release()
        return renewed

    def _send(self, current: Credential, note: Pending, deadline: Deadline, held: _SignalsHeld) -> Grant:
        """The redemption, repeated with the same token where that is safe, and within a bound (AUT-10)."""
        tries, unclear = 0, 0
        while True:
            if note.sends >= self.sends:
                raise self._unknown_outcome()
            held.release()
            note.sending()
            tries += 1
            try:
                return redeem(self.url, self.provider, current.refresh, deadline, held.hold)
            except Unavailable as error:
                note.answered()
                if tries >= self.tries or not _pause(tries, error.retry_after, deadline):
                    raise
            except ServerFailed:
                note.answered()
                unclear += 1
                if unclear >= MAX_SENDS or tries >= self.tries or not _pause(tries, None, deadline):
                    raise
            except AnswerLost:
                continue
            except Refused as error:
                note.refuse(error.code)
                raise
            except (Auth, Local):  # the server does not want the request, or it never left this machine
                note.answered()
                raise

    def keep(self, spent: Credential, grant: Grant, deadline: Deadline) -> Credential:
        """Store the successor; what somebody else has put in place of the spent token is newer, and stays (AUT-3)."""
        entry = entry_after(spent, grant, self.life(grant))
        # Time that is up is no reason to lose it: who else writes the file has done so in a moment.
        return self.store.put(self.profile, entry, deadline.later(STORE_SECONDS), instead_of=spent.refresh)

    def life(self, grant: Grant) -> float:
        """How many seconds the new access token is taken to live, whatever the server says (AUT-6)."""
        return USUAL_LIFE if grant.expires_in is None else min(max(grant.expires_in, SHORTEST_LIFE), LONGEST_LIFE)

    def sign_in(self, reason: str) -> Auth:
        """The request to the user to sign in again."""
        return Auth(
            "reauthentication-needed",
            f"the credential {self.profile!r} can no longer be renewed ({reason})",
            hint="sign in again, then run `reference auth import`",
            detail={"profile": self.profile, "reason": reason},
        )

    def _unknown_outcome(self) -> Auth:
        return self.sign_in("the answer to its last renewal was lost")


class _SignalsHeld:
    """Signals that arrive between the answer and the store wait until the successor is safe."""

    def __init__(self) -> None:
        self._before: set[int] | None = None

    def hold(self) -> None:
        if self._before is None:
            self._before = set(signal.pthread_sigmask(signal.SIG_BLOCK, stopping.ENDING))

    def release(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _token_url(provider: str, config: Mapping[str, Any]) -> str:
    """Where the provider's tokens are renewed. Raises Local `bad-provider-config`."""
    url = config.get("tokenUrl") or TOKEN_URL
    if isinstance(url, str) and is_address(url):
        return url
    raise bad_config(provider, f"tokenUrl must be {AN_ADDRESS}")


def entry_after(current: Credential, grant: Grant, life: float) -> dict[str, object]:
    """The profile's entry with the tokens of `grant`; its generation is raised when it is stored."""
    return current.fields(
        access=grant.access,
        refresh=grant.refresh or current.refresh,
        expires=int((time.time() + life) * 1000),
        generation=current.generation,
    )


def _pause(tries: int, asked: float | None, deadline: Deadline) -> bool:
    """Wait before the next try; False if there is no point in waiting that long."""
    seconds = FIRST_PAUSE * 2 ** (tries - 1) if asked is None else asked
    left = deadline.remaining()
    if seconds > LONGEST_PAUSE or (left is not None and seconds >= left):
        return False
    time.sleep(max(seconds, 0.0))
    return True
