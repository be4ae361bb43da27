"""How the fake authorization server behaves: data chosen by the caller, none of it changing later."""

from dataclasses import dataclass
from typing import Literal

CODEX_CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann"

DialectName = Literal["openai", "anthropic", "rfc6749"]
FaultKind = Literal["error-before-commit", "drop-after-commit", "error-after-commit", "truncate-after-commit"]
FAULT_KINDS = ("error-before-commit", "drop-after-commit", "error-after-commit", "truncate-after-commit")


class OAuthSettingsError(ValueError):
    """A setting is out of range; the message names it and what is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the next `times` grants (None: with all of them).

    Before the commit nothing is spent; after it the old token is spent and the client does not learn the new
    one, which it cannot tell from the first case. `status` is the answer of the two error kinds.
    """

    kind: FaultKind
    status: int = 503
    times: int | None = 1

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise OAuthSettingsError(f"fault kind {self.kind!r} is not one of {', '.join(FAULT_KINDS)}")
        if not 400 <= self.status <= 599:
            raise OAuthSettingsError(f"fault status {self.status} is not an HTTP error, 400 to 599")
        if self.times is not None and self.times < 1:
            raise OAuthSettingsError("fault times must be at least 1, or None for every grant")


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings:
    """Settings of one authorization server. Times are in seconds.

    Attributes:
        policy: what a spent refresh token gets: strict, reject-only, leeway[:s], grace[:s[:n]],
        idempotent[:s] or
            counter (`fakes.oauth.policies`).
        dialect: the error bodies; None picks by path (/oauth/token speaks openai, /v1/oauth/token anthropic).
        client_id: the public client that seeded families belong to. access_ttl, refresh_ttl, family_ttl:
        lifetimes; None means no end. reported_expires_in: the `expires_in` to report instead of the true one.
        urlsafe_claims: access tokens whose claims need the characters "-" and "_" of base64url, on which a
        client
            that decodes plain base64 fails.
        fault: what goes wrong, if anything.
        gate_before_commit, gate_after_commit: gates that hold a grant before or after its commit.
    """

    policy: str = "strict"
    dialect: DialectName | None = None
    client_id: str = CODEX_CLIENT_ID
    access_ttl: float = 3600.0
    refresh_ttl: float | None = None
    family_ttl: float | None = None
    reported_expires_in: int | None = None
    urlsafe_claims: bool = False
    fault: Fault | None = None
    gate_before_commit: str | None = None
    gate_after_commit: str | None = None

    def __post_init__(self) -> None:
        if self.dialect not in (None, "openai", "anthropic", "rfc6749"):
            raise OAuthSettingsError(f"dialect {self.dialect!r} is not openai, anthropic or rfc6749")
        for name in ("access_ttl", "refresh_ttl", "family_ttl"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise OAuthSettingsError(f"{name} must be more than 0 seconds, not {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededCredential:
    """A credential of generation 0, as a client would have stored it after signing in. It is secret.

    `expires_at` is the access token's end in seconds since the epoch, by the server's clock.
    """

    family: str
    access_token: str
    refresh_token: str
    id_token: str
    account_id: str
    expires_at: float

    def __repr__(self) -> str:
        return f"SeededCredential(family={self.family!r}, account_id={self.account_id!r}, tokens hidden)"
