"""The credentials that providers want: API keys from the config, and OAuth profiles that have to be renewed.

A token is handed to the one who asks and never printed, logged or put into an error. Refused: signing in,
which needs a person and a browser; `reference auth import` takes over what another program's sign-in has
written.
"""

from __future__ import annotations

from reference.auth.store import Credential, Store, check_entry, is_profile_name, is_token, pending_path
from reference.errors import Auth, Local, Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reference.auth.refresh import Refresh
    from reference.deadline import Deadline
    from reference.home import Home

__all__ = ["Credentials", "import_profile", "profile_of", "status"]

PROFILE_NAMES = "1 to 64 printable characters, fewer where they are not ASCII"
FIELDS = ("provider", "access", "refresh", "expires", "account_id")


class Credentials:
    """Tokens for the providers of one state directory."""

    def __init__(self, home: Home) -> None:
        self.store = Store(home)

    def token(self, provider: str, config: Mapping[str, Any], deadline: Deadline) -> str:
        """What to send to `provider`: its API key, or its profile's access token, renewed if its time is
        over.

        Raises Auth `no-credentials`, `reauthentication-needed`, `refresh-…`; Busy, Local, OSError, Stopped.
        """
        if config.get("auth") != "oauth":
            return _api_key(provider, config)
        profile = profile_of(provider, config)
        credential = self.store.get(profile)
        if not credential.is_fresh():
            credential = self.refresh(profile, provider, config).renew(credential, deadline)
        return credential.access

    def renew(self, provider: str, config: Mapping[str, Any], rejected: str, deadline: Deadline) -> str:
        """A token other than `rejected`, which the provider refused, whatever the local clock says (AUT-6).

        Nothing is spent if the store has another one by now. Raises as `token` does.
        """
        profile = profile_of(provider, config)
        credential = self.store.get(profile)
        if credential.access == rejected:
            credential = self.refresh(profile, provider, config).renew(credential, deadline)
        return credential.access

    def refresh(self, profile: str, provider: str, config: Mapping[str, Any]) -> Refresh:
        """How this profile is renewed."""
        from reference.auth.refresh import Refresh

        return Refresh(self.store, profile, provider, config)


def import_profile(home: Home, profile: str, entry: Mapping[str, Any], deadline: Deadline) -> dict[str, object]:
    """Store what a sign-in gave, replacing the profile's entry; what `status` says about it afterwards.

    `entry` has `provider`, `access`, `refresh`, `expires` (milliseconds since 1970) and `account_id`. Waits
    for a redemption that is under way. Raises Usage `bad-name`, `bad-credential`, Busy, Local, OSError.
    """
    from reference.auth.store import LOCK_SECONDS

    if not is_profile_name(profile):
        shown, hint = ascii(profile)[:80], f"use {PROFILE_NAMES}, for example codex:default"
        raise Usage("bad-name", f"{shown} is not a name for a profile", hint=hint, detail={"profile": shown})
    named = {**entry, "account_id": entry.get("account_id", entry.get("accountId"))}
    fields = {name: named[name] for name in FIELDS if named.get(name) is not None}
    problem = check_entry(fields)
    if problem or not (fields.get("access") or fields.get("refresh")):
        raise Usage(
            "bad-credential",
            f"profile {profile!r}: {problem or 'neither an access nor a refresh token'}",
            hint='give {"provider", "access", "refresh", "expires", "account_id"}',
        )
    store = Store(home)
    with store.lock(profile).acquire(deadline.sooner(LOCK_SECONDS)):
        return _describe(profile, store.put(profile, fields, deadline))


def status(home: Home) -> list[dict[str, object]]:
    """Every profile, without its tokens. Raises Local `credentials-damaged`, OSError."""
    from reference.auth.pending import Pending

    store, found = Store(home), list[dict[str, object]]()
    for profile in sorted(store.entries()):
        if not is_profile_name(profile):
            found.append({"profile": profile, "problem": f"its name is not {PROFILE_NAMES}"})
            continue
        try:
            credential = store.get(profile)
        except Local as damaged:
            found.append({"profile": profile, "problem": damaged.message})
            continue
        note = Pending(pending_path(home, profile), credential.refresh)
        found.append({**_describe(profile, credential), "sign_in_needed": note.is_over})
    return found


def profile_of(provider: str, config: Mapping[str, Any]) -> str:
    """The profile that a provider's config names. Raises Local `bad-provider-config`."""
    profile = config.get("profile", f"{provider}:default")
    if isinstance(profile, str) and is_profile_name(profile):
        return profile
    raise Local(
        "bad-provider-config",
        f"provider {provider!r}: profile must be a name of {PROFILE_NAMES}",
        hint=f"correct providers.{provider}.profile in the config file",
        detail={"provider": provider},
    )


def _describe(profile: str, credential: Credential) -> dict[str, object]:
    return {
        "profile": profile,
        "provider": credential.provider,
        "expires": credential.expires,
        "fresh": credential.is_fresh(),
        "generation": credential.generation,
    }


def _api_key(provider: str, config: Mapping[str, Any]) -> str:
    key = config.get("apiKey")
    if isinstance(key, str) and key and is_token(key):
        return key
    problem = "has no apiKey" if not key else "has an apiKey that is not printable ASCII without spaces"
    raise Auth(
        "no-credentials",
        f"provider {provider!r} {problem}",
        hint=f"set providers.{provider}.apiKey in the config file",
        detail={"provider": provider},
    )
