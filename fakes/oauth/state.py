"""The authorization server's memory: families, which token belongs to which, and what callers may look at.

Every method is one synchronous step, so that concurrent connections meet a family one at a time. How a user signs in is
`fakes.oauth.signins`' part. The tokens themselves leave through `seed` and through the wire.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fakes.oauth.dialects import IssuedTokens
from fakes.oauth.policies import policy_named
from fakes.oauth.rules import Decided, Family, FamilyState, Grant, Token, redeem
from fakes.oauth.settings import CLAUDE_CLIENT_ID, Fault, OAuthSettings, OAuthSettingsError, SeededCredential
from fakes.oauth.tokens import ISSUER, Minter, Subject
from fakes.oauth.views import FamilyView, view

DEFAULT_SCOPE = frozenset({"openid", "profile", "email", "offline_access"})
# What Claude Code asks for when it signs in, and again with every refresh.
CLAUDE_SCOPE = frozenset(
    {
        "org:create_api_key", "user:profile", "user:inference", "user:sessions:claude_code", "user:mcp_servers",
        "user:file_upload", "user:plugins",
    }
)  # fmt: skip


@dataclass(slots=True)
class _Access:
    family: Family
    expires_at: float
    scope: frozenset[str]
    revoked: bool = False


class OAuthState:
    """All families of one server."""

    def __init__(self, settings: OAuthSettings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.clock = clock
        self.minter = Minter(settings)
        self._policy = policy_named(settings.policy)
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
        client = client_id or self.settings.client_id
        scope = CLAUDE_SCOPE if client == CLAUDE_CLIENT_ID else DEFAULT_SCOPE
        record = self.start(family, account=account, client_id=client, scope=scope)
        now = self.clock()
        tokens, expires_at = self._tokens(
            record, record.newest, now - self.settings.access_ttl - 60 if expired else now
        )
        return SeededCredential(
            family=family,
            access_token=tokens.access_token,
            refresh_token=record.newest,
            id_token=tokens.id_token,
            account_id=account,
            expires_at=expires_at,
        )

    def start(self, name: str, *, account: str, client_id: str, scope: frozenset[str] = DEFAULT_SCOPE) -> Family:
        """A new family with its token of generation 0. The name must be free."""
        now, settings = self.clock(), self.settings
        value = self.minter.refresh_token()
        family = Family(
            name=name,
            account=account,
            client_id=client_id,
            scope=scope,
            expires_at=None if settings.family_ttl is None else now + settings.family_ttl,
            newest=value,
        )
        end = None if settings.refresh_ttl is None else now + settings.refresh_ttl
        family.tokens[value] = Token(value=value, generation=0, parent=None, expires_at=end)
        self._families[name] = family
        self._by_token[value] = family
        return family

    def has_family(self, name: str) -> bool:
        """Whether the name is taken."""
        return name in self._families

    def client_problem(self, client_id: str) -> str:
        """Why this client may not ask a user to sign in; empty if it may."""
        known = (self.settings.client_id, *self.settings.more_clients)
        if client_id in known or any(family.client_id == client_id for family in self._families.values()):
            return ""
        how = "python -m fakes --client-id, or OAuthSettings.more_clients, adds others"
        return f"client_id is missing or not known; known are {', '.join(known)}; {how}."

    def issue(
        self, family: Family, *, issuer: str = ISSUER, nonce: str = "", auth_time: float | None = None
    ) -> IssuedTokens:
        """The tokens that a sign-in hands out, with the family's newest refresh token."""
        return self._tokens(family, family.newest, self.clock(), issuer=issuer, nonce=nonce, auth_time=auth_time)[0]

    def redeem(self, grant: Grant, issuer: str = ISSUER) -> tuple[Decided, IssuedTokens | None]:
        """Decide a refresh request and commit it."""
        family = self._by_token.get(grant.refresh_token)
        now = self.clock()
        mint = self._mint if self.settings.rotates else None
        decided = redeem(grant, family, self._policy, now, self.settings.refresh_ttl, mint)
        if decided.issued is None or family is None:
            return decided, None
        tokens, _ = self._tokens(family, decided.issued.value, now, issuer=issuer, scope=grant.scope)
        return decided, tokens if self.settings.rotates else replace(tokens, refresh_token="")

    def revoke(self, token: str, client_id: str = "") -> None:
        """Revoke a refresh token with its whole family, or one access token (RFC 7009 section 2.1).

        A token that is unknown, or another client's where the client names itself, is left as it is.
        """
        access = self._access.get(token)
        family = access.family if access is not None else self._by_token.get(token)
        if family is None or client_id not in ("", family.client_id):
            return
        if access is not None:
            access.revoked = True
        else:
            family.revoke()

    def end_access(self, access_token: str) -> None:
        """Let an access token end now, whatever it says of itself; its family lives on. Unknown ones are ignored."""
        access = self._access.get(access_token)
        if access is not None:
            access.expires_at = self.clock()

    def is_live(self, access_token: str) -> bool:
        """Whether a provider would accept the access token now."""
        access = self._access.get(access_token)
        if access is None or access.revoked or access.family.state is FamilyState.REVOKED:
            return False
        return self.clock() < access.expires_at

    def introspect(self, token: str) -> dict[str, object]:
        """What RFC 7662 section 2.2 says of a token; only {"active": false} of one that is not LIVE."""
        if self.is_live(token):
            access = self._access[token]
            return _active(access.family, access.scope, access.expires_at, "access_token")
        family = self._by_token.get(token)
        if family is None:
            return {"active": False}
        record = family.tokens[token]
        ends = [end for end in (record.expires_at, family.expires_at) if end is not None]
        if not family.is_live(record) or any(self.clock() >= end for end in ends):
            return {"active": False}
        return _active(family, family.scope, min(ends, default=None), "refresh_token")

    def family_of(self, refresh_token: str) -> tuple[str, int | None]:
        """The family's name and the token's generation; "" and None for an unknown token."""
        family = self._by_token.get(refresh_token)
        return (family.name, family.tokens[refresh_token].generation) if family is not None else ("", None)

    def secrets(self) -> frozenset[str]:
        """Every refresh and access token ever issued, for a caller that keeps them out of its records."""
        return frozenset(self._by_token) | frozenset(self._access)

    def families(self) -> tuple[FamilyView, ...]:
        """Every family as it stands now, without secrets."""
        return tuple(view(family, self._issued) for family in self._families.values())

    def family(self, name: str) -> FamilyView:
        """One family as it stands now, without secrets. Raises KeyError for a name that no family has."""
        return view(self._families[name], self._issued)

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
        value = self.minter.refresh_token()
        self._by_token[value] = family
        return value

    def _tokens(
        self,
        family: Family,
        refresh_token: str,
        issued_at: float,
        *,
        issuer: str = ISSUER,
        scope: frozenset[str] | None = None,
        nonce: str = "",
        auth_time: float | None = None,
    ) -> tuple[IssuedTokens, float]:
        settings, scope = self.settings, family.scope if scope is None else scope
        expires_at = issued_at + settings.access_ttl
        subject = Subject(
            account=family.account,
            client_id=family.client_id,
            scope=scope,
            issuer=issuer,
            nonce=nonce,
            auth_time=auth_time,
        )
        access = self.minter.access_token(subject, issued_at, expires_at)
        self._access[access] = _Access(family, expires_at, scope)
        self._issued.setdefault(refresh_token, []).append(access)
        reported = settings.reported_expires_in
        tokens = IssuedTokens(
            access_token=access,
            refresh_token=refresh_token,
            # Without this scope a request is no OpenID Connect request (Core section 3.1.2.1).
            id_token=self.minter.id_token(subject, issued_at, expires_at) if "openid" in scope else "",
            expires_in=int(settings.access_ttl) if reported is None else reported,
            scope=" ".join(sorted(scope)),
            account=family.account,
        )
        return tokens, expires_at


def _active(family: Family, scope: frozenset[str], expires_at: float | None, kind: str) -> dict[str, object]:
    said: dict[str, object] = {
        "active": True,
        "client_id": family.client_id,
        "sub": f"user-{family.account}",
        "scope": " ".join(sorted(scope)),
        "token_use": kind,
    }
    if kind == "access_token":
        said["token_type"] = "Bearer"
    return said if expires_at is None else {**said, "exp": int(expires_at)}
