"""The refresh-token state machine (RFC 6749 section 6, RFC 9700 section 4.14.2), without clock or socket.

One call of `redeem` is one atomic step on one family: it decides, changes the records and returns. The
clock's reading, the minting of token values and the reuse policy are passed in. Tokens are frozen records
that are replaced, never edited; a family keeps them all, so that every later presentation can be judged.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal, Protocol

Decision = Literal[
    "minted",
    "replayed",
    "reused",
    "revoked",
    "expired",
    "unknown",
    "wrong-client",
    "invalid-request",
    "invalid-client",
    "invalid-scope",
    "mismatch",
    "pending",
    "slow-down",
    "denied",
    "error-before-commit",
    "dropped-after-commit",
]


class TokenState(Enum):
    """LIVE can be redeemed, SPENT was, REVOKED never can be again."""

    LIVE = "live"
    SPENT = "spent"
    REVOKED = "revoked"


class FamilyState(Enum):
    """A family is revoked as a whole and for good."""

    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One refresh token. Times are in seconds since the epoch, None for no end or not yet."""

    value: str
    generation: int
    parent: str | None
    expires_at: float | None
    state: TokenState = TokenState.LIVE
    first_used_at: float | None = None
    uses: int = 0
    successor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """One decided presentation of a token of the family: by whom, when, and which token it got."""

    token: str
    generation: int
    decision: Decision
    at: float
    issued: str | None
    client_id: str
    exchange: int
    peer_port: int


@dataclass(slots=True, kw_only=True, eq=False)
class Family:
    """Every token that descends from one sign-in. `newest` is the value of the token minted last."""

    name: str
    account: str
    client_id: str
    scope: frozenset[str]
    expires_at: float | None
    newest: str
    state: FamilyState = FamilyState.ACTIVE
    tokens: dict[str, Token] = field(default_factory=dict)
    redemptions: list[Redemption] = field(default_factory=list)

    def is_live(self, token: Token) -> bool:
        """Whether a token of this family can still be redeemed, lifetimes apart."""
        return self.state is FamilyState.ACTIVE and token.state is TokenState.LIVE

    def live(self) -> list[Token]:
        """The tokens that can still be redeemed."""
        return [token for token in self.tokens.values() if self.is_live(token)]

    def revoke(self) -> None:
        """End the family: no token of it is LIVE afterwards."""
        for token in self.live():
            self.tokens[token.value] = replace(token, state=TokenState.REVOKED)
        self.state = FamilyState.REVOKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A refresh request: None or empty is a missing parameter. `scope` None asks for the family's own.

    `exchange` and `peer_port` say who asks, for the record; 0 for nobody on the wire.
    """

    refresh_token: str
    client_id: str
    scope: frozenset[str] | None = None
    exchange: int = 0
    peer_port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What `redeem` decided; `issued` is the token to hand out, None for a refusal."""

    decision: Decision
    issued: Token | None = None


class Reuse(Enum):
    """What a policy does with a spent token that is presented again."""

    REFUSE = "refuse"
    REVOKE = "revoke the family and refuse"
    SIBLING = "mint another successor"
    SUCCESSOR = "hand out its successor again"
    NEWEST = "hand out the newest token of the family"


class ReusePolicy(Protocol):
    """How an authorization server treats a spent token. Asked after the token's `uses` counts this use."""

    def judge(self, family: Family, spent: Token, now: float) -> Reuse:
        """What to do, without changing anything."""


Mint = Callable[[Family, int], str]


def judge_before(grant: Grant, family: Family | None, now: float) -> Decision | None:
    """The refusals that change nothing, in the order in which they are looked for; None for no refusal."""
    if not grant.refresh_token or not grant.client_id:
        return "invalid-request"
    token = family.tokens.get(grant.refresh_token) if family is not None else None
    if family is None or token is None:
        return "unknown"
    if grant.client_id != family.client_id:
        return "wrong-client"
    if family.state is FamilyState.REVOKED or token.state is TokenState.REVOKED:
        return "revoked"
    if _past(token.expires_at, now) or _past(family.expires_at, now):
        return "expired"
    if grant.scope is not None and not (grant.scope and grant.scope <= family.scope):
        return "invalid-scope"
    return None


def redeem(
    grant: Grant, family: Family | None, policy: ReusePolicy, now: float, ttl: float | None, mint: Mint | None
) -> Decided:
    """Decide a refresh request and commit the decision.

    `family` is the one that knows the presented token, None when none does; `ttl` is the life of a minted
    token in seconds, None for no end. Where nothing mints tokens the presented one stays in force, and is issued.
    """
    refusal = judge_before(grant, family, now)
    if family is None or refusal is not None:
        decided = Decided(decision=refusal or "unknown")
    else:
        decided = _spend(family, family.tokens[grant.refresh_token], policy, now, ttl, mint)
    token = family.tokens.get(grant.refresh_token) if family is not None else None
    if family is not None and token is not None:
        family.redemptions.append(_entry(grant, token, decided, now))
    return decided


def _entry(grant: Grant, token: Token, decided: Decided, now: float) -> Redemption:
    return Redemption(
        token=token.value,
        generation=token.generation,
        decision=decided.decision,
        at=now,
        issued=decided.issued.value if decided.issued is not None else None,
        client_id=grant.client_id,
        exchange=grant.exchange,
        peer_port=grant.peer_port,
    )


def _spend(
    family: Family, token: Token, policy: ReusePolicy, now: float, ttl: float | None, mint: Mint | None
) -> Decided:
    if mint is None:
        kept = replace(token, uses=token.uses + 1)
        family.tokens[token.value] = kept
        return Decided(decision="minted", issued=kept)
    used = replace(token, uses=token.uses + 1, state=TokenState.SPENT)
    if token.state is TokenState.LIVE:
        child = _child(family, token, now, ttl, mint)
        family.tokens[token.value] = replace(used, first_used_at=now, successor=child.value)
        return Decided(decision="minted", issued=child)
    family.tokens[token.value] = used
    reuse = policy.judge(family, used, now)
    if reuse is Reuse.SIBLING:
        return Decided(decision="minted", issued=_child(family, token, now, ttl, mint))
    if reuse is Reuse.SUCCESSOR and used.successor is not None:
        return Decided(decision="replayed", issued=family.tokens[used.successor])
    if reuse is Reuse.NEWEST:
        return Decided(decision="replayed", issued=family.tokens[family.newest])
    if reuse is Reuse.REVOKE:
        family.revoke()
    return Decided(decision="reused")


def _child(family: Family, parent: Token, now: float, ttl: float | None, mint: Mint) -> Token:
    generation = parent.generation + 1
    value = mint(family, generation)
    expires_at = None if ttl is None else now + ttl
    child = Token(value=value, generation=generation, parent=parent.value, expires_at=expires_at)
    family.tokens[value] = child
    family.newest = value
    return child


def _past(end: float | None, now: float) -> bool:
    return end is not None and now >= end
