"""The authorization server's memory: families, which token belongs to which, and what callers may look at.

Every method is one synchronous step, so that concurrent connections meet a family one at a time. Views show
tokens as fingerprints only; the tokens themselves leave through `seed` and through the wire.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fakes.events import fingerprint
from fakes.oauth.dialects import IssuedTokens
from fakes.oauth.policies import policy_named
from fakes.oauth.rules import Decided, Decision, Family, FamilyState, Grant, Token, redeem
from fakes.oauth.settings import Fault, OAuthSettings, OAuthSettingsError, SeededCredential
from fakes.oauth.tokens import Minter

DEFAULT_SCOPE = "openid profile email offline_access"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """One refresh token by fingerprint, and the fingerprints of the access tokens issued with it."""

    token: str
    generation: int
    state: str
    parent: str
    uses: int
    expires_at: float | None
    access: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionView:
    """One presentation of a token of the family, and what the state machine decided."""

    token: str
    generation: int
    decision: Decision
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyView:
    """One family as it stands. `generations` holds its tokens in the order of their minting."""

    name: str
    account: str
    state: str
    generations: tuple[TokenView, ...]
    redemptions: tuple[RedemptionView, ...]


@dataclass(frozen=True, slots=True)
class _Access:
    family: Family
    expires_at: float
    refresh_token: str


class OAuthState:
    """All families of one server."""

    def __init__(self, settings: OAuthSettings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self._clock = clock
        self._policy = policy_named(settings.policy)
        self._minter = Minter(settings.urlsafe_claims)
        self._families: dict[str, Family] = {}
        self._by_token: dict[str, Family] = {}
        self._access: dict[str, _Access] = {}
        self._issued: dict[str, list[str]] = {}
        self._fault = settings.fault

    def seed(
        self, family: str, *, account: str, expired: bool = False, client_id: str | None = None
    ) -> SeededCredential:
        """Start a family as if its user had just signed in, and return the credential to install.

        With `expired` the access token is already past its end, so that the client must refresh first.

        Raises:
            OAuthSettingsError: the family exists.
        """
        if family in self._families:
            raise OAuthSettingsError(f"the family {family!r} exists already; seed another name")
        now = self._clock()
        settings = self.settings
        value = self._minter.refresh_token()
        record = Family(
            name=family,
            account=account,
            client_id=client_id or settings.client_id,
            scope=frozenset(DEFAULT_SCOPE.split()),
            expires_at=None if settings.family_ttl is None else now + settings.family_ttl,
            newest=value,
        )
        end = None if settings.refresh_ttl is None else now + settings.refresh_ttl
        record.tokens[value] = Token(value=value, generation=0, parent=None, expires_at=end)
        self._families[family] = record
        self._by_token[value] = record
        issued_at = now - settings.access_ttl - 60 if expired else now
        tokens, expires_at = self._tokens(record, value, issued_at)
        return SeededCredential(
            family=family,
            access_token=tokens.access_token,
            refresh_token=value,
            id_token=tokens.id_token,
            account_id=account,
            expires_at=expires_at,
        )

    def redeem(self, grant: Grant) -> tuple[Decided, IssuedTokens | None]:
        """Decide a refresh request and commit it."""
        family = self._by_token.get(grant.refresh_token)
        now = self._clock()
        decided = redeem(grant, family, self._policy, now, self.settings.refresh_ttl, self._mint)
        if decided.issued is None or family is None:
            return decided, None
        scope = grant.scope if grant.scope is not None else family.scope
        tokens, _ = self._tokens(family, decided.issued.value, now)
        return decided, replace(tokens, scope=" ".join(sorted(scope)))

    def revoke(self, token: str) -> None:
        """Revoke the family of a refresh or access token; other tokens are ignored (RFC 7009 section 2.2)."""
        access = self._access.get(token)
        family = access.family if access is not None else self._by_token.get(token)
        if family is not None:
            family.revoke()

    def end_access(self, access_token: str) -> None:
        """Let an access token end now, whatever it says of itself; its family lives on. Unknown ones are ignored."""
        access = self._access.get(access_token)
        if access is not None:
            self._access[access_token] = replace(access, expires_at=self._clock())

    def is_live(self, access_token: str) -> bool:
        """Whether a provider would accept the access token now."""
        access = self._access.get(access_token)
        if access is None or access.family.state is FamilyState.REVOKED:
            return False
        return self._clock() < access.expires_at

    def introspect(self, token: str) -> dict[str, object]:
        """What RFC 7662 section 2.2 says of a token; only {"active": false} of one that is not LIVE."""
        if self.is_live(token):
            access = self._access[token]
            return _active(access.family, access.expires_at, "access_token")
        family = self._by_token.get(token)
        if family is None:
            return {"active": False}
        record = family.tokens[token]
        ends = [end for end in (record.expires_at, family.expires_at) if end is not None]
        if record not in family.live() or any(self._clock() >= end for end in ends):
            return {"active": False}
        return _active(family, min(ends, default=None), "refresh_token")

    def family_of(self, refresh_token: str) -> tuple[str, int | None]:
        """The family's name and the token's generation; "" and None for an unknown token."""
        family = self._by_token.get(refresh_token)
        return (family.name, family.tokens[refresh_token].generation) if family is not None else ("", None)

    def secrets(self) -> frozenset[str]:
        """Every refresh and access token ever issued, for a caller that keeps them out of its records."""
        return frozenset(self._by_token) | frozenset(self._access)

    def families(self) -> tuple[FamilyView, ...]:
        """Every family as it stands now, without secrets."""
        return tuple(self._view(family) for family in self._families.values())

    def set_fault(self, fault: Fault | None) -> None:
        """Replace what goes wrong from the next grant on."""
        self._fault = fault

    def take_fault(self, *kinds: str) -> Fault | None:
        """The fault to apply now if it is one of these kinds; uses up one of its times."""
        fault = self._fault
        if fault is None or fault.kind not in kinds:
            return None
        if fault.times is not None:
            self._fault = replace(fault, times=fault.times - 1) if fault.times > 1 else None
        return fault

    def _mint(self, family: Family, generation: int) -> str:
        value = self._minter.refresh_token()
        self._by_token[value] = family
        return value

    def _tokens(self, family: Family, refresh_token: str, issued_at: float) -> tuple[IssuedTokens, float]:
        expires_at = issued_at + self.settings.access_ttl
        who = (family.account, family.client_id, issued_at, expires_at)
        access = self._minter.access_token(*who)
        self._access[access] = _Access(family, expires_at, refresh_token)
        self._issued.setdefault(refresh_token, []).append(access)
        reported = self.settings.reported_expires_in
        tokens = IssuedTokens(
            access_token=access,
            refresh_token=refresh_token,
            id_token=self._minter.id_token(*who),
            expires_in=int(self.settings.access_ttl) if reported is None else reported,
            scope=" ".join(sorted(family.scope)),
            account=family.account,
        )
        return tokens, expires_at

    def _view(self, family: Family) -> FamilyView:
        return FamilyView(
            name=family.name,
            account=family.account,
            state=family.state.value,
            generations=tuple(self._token_view(token) for token in family.tokens.values()),
            redemptions=tuple(
                RedemptionView(
                    token=fingerprint(entry.token),
                    generation=entry.generation,
                    decision=entry.decision,
                    at=entry.at,
                )
                for entry in family.redemptions
            ),
        )

    def _token_view(self, token: Token) -> TokenView:
        return TokenView(
            token=fingerprint(token.value),
            generation=token.generation,
            state=token.state.value,
            parent=fingerprint(token.parent or ""),
            uses=token.uses,
            expires_at=token.expires_at,
            access=tuple(fingerprint(access) for access in self._issued.get(token.value, [])),
        )


def _active(family: Family, expires_at: float | None, hint: str) -> dict[str, object]:
    said: dict[str, object] = {
        "active": True,
        "client_id": family.client_id,
        "sub": f"user-{family.account}",
        "scope": " ".join(sorted(family.scope)),
        "token_type": hint,
    }
    return said if expires_at is None else {**said, "exp": int(expires_at)}
