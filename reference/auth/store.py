"""The credential file: all profiles in one `credentials.json`, 0600, replaced whole.

{"version": 1, "profiles": {NAME: {"provider", "access", "refresh", "expires", "account_id", "generation"}}}

`expires` is in milliseconds since 1970; `generation` counts the redemptions of a profile and never goes back.
A file that cannot be read is an error and never reads as "no credentials" (CFG-7). Two kinds of lock: one per
profile, held over a whole redemption, and one for the file, held for the moment of a write, because profiles
that know nothing of each other share it. A file that is a symbolic link stays one, and its locks and notes lie beside
what it leads to: state directories whose credentials are links to one file spend each token once (CFG-11).
"""

from __future__ import annotations

import os
import time

from reference import durable, jsonfile
from reference.errors import Auth, Local
from reference.home import make_folder
from reference.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.deadline import Deadline
    from reference.home import Home

LOCK_SECONDS = 60.0  # longer than the slowest redemption, so that whoever waits for one sees it end
LEEWAY_MS = 60_000  # a token this near its end may be refused by the time it arrives
MODE = 0o600
EMPTY = '{\n  "version": 1\n}\n'


class Credential:
    """One profile's entry. Immutable; its text form shows no token."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, object]) -> None:
        self._fields = fields

    @property
    def access(self) -> str:
        return str(self._fields.get("access") or "")

    @property
    def refresh(self) -> str:
        return str(self._fields.get("refresh") or "")

    @property
    def provider(self) -> str:
        return str(self._fields.get("provider") or "")

    @property
    def expires(self) -> float | None:
        """Milliseconds since 1970; None means unknown, and then only a 401 tells."""
        value = self._fields.get("expires")
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    @property
    def generation(self) -> int:
        return _generation(self._fields)

    def is_fresh(self) -> bool:
        """Whether the access token may be used as it is, by this machine's clock."""
        return bool(self.access) and (self.expires is None or self.expires - LEEWAY_MS > time.time() * 1000)

    def fields(self, **changes: object) -> dict[str, object]:
        """The entry for the file, unknown fields kept."""
        return {**self._fields, **changes}

    def __repr__(self) -> str:
        return f"Credential(provider={self.provider!r}, generation={self.generation})"


class Store:
    """The credential file of one state directory."""

    __slots__ = ("home", "path")

    def __init__(self, home: Home) -> None:
        self.home = home
        self.path = durable.real_path(home.credentials)

    def lock(self, profile: str) -> Lock:
        """The lock of one profile: whoever may spend its refresh token."""
        from urllib.parse import quote

        return self._lock("auth-" + quote(profile, safe=""), f"the credential {profile}")

    def _lock(self, name: str, what: str) -> Lock:
        """The lock of this name, beside the real file."""
        self.home.make()
        locks = os.path.join(os.path.dirname(self.path), "locks")
        make_folder(locks, 0o700)
        return Lock(os.path.join(locks, f"{name}.lock"), code="credentials-busy", what=what)

    def entries(self) -> dict[str, object]:
        """Every profile's entry, unchecked. Raises Local `credentials-damaged`, OSError."""
        data = self.read()
        return {} if data is None else self._parse(data)

    def get(self, profile: str) -> Credential:
        """One profile; what is wrong with another's entry is no concern of this one (AUT-7).

        Raises Auth `no-credentials` if the file does not have it, Local `credentials-damaged`, OSError.
        """
        entries = self.entries()
        if profile not in entries:
            raise Auth(
                "no-credentials",
                f"there is no credential {profile!r}",
                hint="sign in, then run `reference auth import`",
                detail={"profile": profile},
            )
        entry = entries[profile]
        problem = check_entry(entry)
        if problem or not isinstance(entry, dict):
            raise self._damaged(f"profile {profile!r}: {problem}")
        return Credential(entry)

    def put(
        self, profile: str, fields: dict[str, object], deadline: Deadline, *, instead_of: str | None = None
    ) -> Credential:
        """Write one profile's entry, generation raised, all other bytes of the file as they are.

        With `instead_of` nothing is written if another refresh token than that stands there; that entry is
        given. Raises Busy `credentials-busy`, Local `credentials-damaged`, OSError; the file is then as it was.
        """
        with self._lock("credentials", self.path).acquire(deadline.sooner(LOCK_SECONDS)):
            data = self.read()
            known = {} if data is None else self._parse(data)
            there = known.get(profile)
            if instead_of is not None and isinstance(there, dict) and _has_another_token(there, instead_of):
                return Credential(there)
            entry = {**fields, "generation": max(_generation(known.get(profile)), _generation(fields)) + 1}
            self.write(data, profile, entry)
        return Credential(entry)

    def write(self, before: bytes | None, profile: str, entry: dict[str, object]) -> None:
        """Replace the file by `before` with this entry in it."""
        from reference.auth.splice import put_profile

        text = EMPTY if before is None else before.decode("utf-8-sig")
        durable.replace(self.path, put_profile(text, profile, entry).encode(), MODE)

    def read(self) -> bytes | None:
        """The file as it is, or None if there is none yet. Raises OSError."""
        try:
            return durable.read(self.path)
        except FileNotFoundError:
            return None

    def _parse(self, data: bytes) -> dict[str, object]:
        try:
            profiles = jsonfile.parse_object(data).get("profiles", {})
        except jsonfile.Damaged as error:
            raise self._damaged(error.reason) from None
        if not isinstance(profiles, dict):
            raise self._damaged('"profiles" must be an object')
        return profiles

    def _damaged(self, reason: str) -> Local:
        return Local(
            "credentials-damaged",
            f"{self.path}: {reason}",
            hint="repair the file by hand, or move it away and sign in again",
            detail={"path": self.path},
        )


def _has_another_token(entry: dict[str, object], token: str) -> bool:
    """Whether a usable entry has a refresh token, and not this one."""
    return not check_entry(entry) and entry.get("refresh", "") not in ("", token)


def _generation(entry: object) -> int:
    value = entry.get("generation") if isinstance(entry, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def check_entry(entry: object) -> str:
    """What is wrong with one profile's entry, without quoting it; empty if nothing is."""
    if not isinstance(entry, dict):
        return "must be an object"
    for name in ("access", "refresh"):
        value = entry.get(name, "")
        if not isinstance(value, str) or not is_token(value):
            return f'"{name}" must be a token: printable ASCII without spaces'
    if not isinstance(entry.get("expires", 0), int | float | None):
        return '"expires" must be a number of milliseconds since 1970'
    return ""


def is_token(value: str) -> bool:
    """Whether this can be sent in a header as it is; the empty string counts as an absent token."""
    return all("!" <= character <= "~" for character in value)


def is_profile_name(profile: str) -> bool:
    """Whether files can be named after it: quoted, it is part of a name of at most 255 bytes."""
    from urllib.parse import quote

    return 0 < len(profile) <= 64 and profile.isprintable() and len(quote(profile, safe="")) <= 200


def pending_path(home: Home, profile: str) -> str:
    """Where a redemption in flight is noted, beside the real file: a token is spent for all who share it."""
    from urllib.parse import quote

    folder = os.path.dirname(durable.real_path(home.credentials))
    return os.path.join(folder, "auth", quote(profile, safe="") + ".pending.json")
