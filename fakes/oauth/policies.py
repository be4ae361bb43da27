"""What a spent refresh token gets: one small class for each policy seen in a real authorization server.

A policy only judges; `fakes.oauth.rules` changes the records. Where a server's answer outside its tolerance
is to end the family, as RFC 9700 section 4.14.2 asks, the policy says REVOKE; only reject-only never does.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fakes.oauth.rules import Family, Reuse, ReusePolicy, Token, TokenState
from fakes.oauth.settings import OAuthSettingsError


@dataclass(frozen=True, slots=True)
class Strict:
    """Any reuse revokes the family (RFC 9700 section 4.14.2; panva's oidc-provider)."""

    def judge(self, family: Family, spent: Token, now: float) -> Reuse:
        """Always REVOKE."""
        return Reuse.REVOKE


@dataclass(frozen=True, slots=True)
class RejectOnly:
    """Reuse is refused and the family lives on."""

    def judge(self, family: Family, spent: Token, now: float) -> Reuse:
        """Always REFUSE."""
        return Reuse.REFUSE


@dataclass(frozen=True, slots=True)
class Leeway:
    """Within `seconds` of its first use, only the newest token's parent mints a sibling (Auth0)."""

    seconds: float = 10.0

    def judge(self, family: Family, spent: Token, now: float) -> Reuse:
        """SIBLING within the leeway, else REVOKE."""
        is_parent = family.tokens[family.newest].parent == spent.value
        return Reuse.SIBLING if is_parent and _within(spent, self.seconds, now) else Reuse.REVOKE


@dataclass(frozen=True, slots=True)
class Grace:
    """At most `reuses` reuses in a window that starts at the first use and never extends (Ory Hydra)."""

    seconds: float = 10.0
    reuses: int = 1

    def judge(self, family: Family, spent: Token, now: float) -> Reuse:
        """SIBLING within the window and the number, else REVOKE."""
        allowed = spent.uses - 1 <= self.reuses
        return Reuse.SIBLING if allowed and _within(spent, self.seconds, now) else Reuse.REVOKE


@dataclass(frozen=True, slots=True)
class Idempotent:
    """Within `seconds` of its first use a spent token gets the same successor, while that one is LIVE."""

    seconds: float = 10.0

    def judge(self, family: Family, spent: Token, now: float) -> Reuse:
        """SUCCESSOR while it is LIVE and in time, else REVOKE."""
        successor = family.tokens.get(spent.successor or "")
        fresh = successor is not None and successor.state is TokenState.LIVE
        return Reuse.SUCCESSOR if fresh and _within(spent, self.seconds, now) else Reuse.REVOKE


@dataclass(frozen=True, slots=True)
class Counter:
    """The immediate parent gets the current token again; anything older ends the session (Supabase)."""

    def judge(self, family: Family, spent: Token, now: float) -> Reuse:
        """NEWEST for the parent of the newest token, else REVOKE."""
        return Reuse.NEWEST if family.tokens[family.newest].parent == spent.value else Reuse.REVOKE


def _within(spent: Token, seconds: float, now: float) -> bool:
    return spent.first_used_at is not None and now - spent.first_used_at < seconds


_POLICIES: dict[str, tuple[Callable[..., ReusePolicy], tuple[Callable[[str], float | int], ...]]] = {
    "strict": (Strict, ()),
    "reject-only": (RejectOnly, ()),
    "leeway": (Leeway, (float,)),
    "grace": (Grace, (float, int)),
    "idempotent": (Idempotent, (float,)),
    "counter": (Counter, ()),
}
POLICY_NAMES = tuple(_POLICIES)


def policy_named(text: str) -> ReusePolicy:
    """The policy written as a name and numbers, such as "strict", "leeway:10" or "grace:10:2".

    Raises:
        OAuthSettingsError: there is no such policy, or its numbers are wrong.
    """
    name, *numbers = text.split(":")
    if name not in _POLICIES:
        raise OAuthSettingsError(f"policy {text!r} is not one of {', '.join(POLICY_NAMES)}")
    make, readers = _POLICIES[name]
    try:
        if len(numbers) > len(readers):
            raise ValueError("too many numbers")
        values = [read(number) for read, number in zip(readers, numbers, strict=False)]
        if not all(0 <= value < float("inf") for value in values):
            raise ValueError("a number is negative or not finite")
    except ValueError as error:
        form = ":".join([name, *("SECONDS", "REUSES")[: len(readers)]])
        raise OAuthSettingsError(f"policy {text!r} is malformed ({error}); write it as {form}") from None
    return make(*values)
