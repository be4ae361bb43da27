"""How the fake authorization server behaves: data chosen by the caller, none of it changing later."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

CODEX_CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann"
CLAUDE_CLIENT_ID = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"

DialectName = Literal["openai", "anthropic", "rfc6749"]
Algorithm = Literal["ES256", "RS256"]
Consent = Literal["approve", "deny"]
FaultKind = Literal[
    "error-before-commit",
    "drop-before-commit",
    "error-after-commit",
    "drop-after-commit",
    "delay-after-commit",
    "truncate-after-commit",
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


class OAuthSettingsError(ValueError):
    """A setting is out of range; the message names it and what is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the next `times` grants (None: with all of them).

    Before the commit nothing is spent; after it the old token is spent and the client does not learn the new
    one (or, with a delay, learns it late), which it cannot tell from the first case.

    Attributes:
        status: the answer of the two error kinds: an HTTP error, or a redirect (3xx), which leads to `location`.
        seconds: how long a delay-after-commit lasts, by the event loop's clock. after_bytes: how much of the body a
        truncate-after-commit sends, at least one byte short of all. repeats_token: whether the message of an error
        ends with the token that was sent, as some servers' do.
    """

    kind: FaultKind
    status: int = 503
    times: int | None = 1
    seconds: float = 1.0
    after_bytes: int = 16
    location: str = ""
    repeats_token: bool = False

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise OAuthSettingsError(f"fault kind {self.kind!r} is not one of {', '.join(FAULT_KINDS)}")
        if not 300 <= self.status <= 599:
            raise OAuthSettingsError(f"fault status {self.status} is neither an HTTP error nor a redirect, 300 to 599")
        if (self.status < 400) != bool(self.location):
            raise OAuthSettingsError("a fault has a location where its status is that of a redirect, and only there")
        if self.times is not None and self.times < 1:
            raise OAuthSettingsError("fault times must be at least 1, or None for every grant")
        if not 0 <= self.seconds < 3600:
            raise OAuthSettingsError(f"fault seconds must be from 0 up to an hour, not {self.seconds}")
        if self.after_bytes < 0:
            raise OAuthSettingsError("fault after_bytes must be at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings:
    """Settings of one authorization server. Times are in seconds.

    Attributes:
        rotates: whether a redemption spends the refresh token and hands out another; without, the token stays in force,
        and the answer has none (RFC 6749 section 6).
        policy: what a spent refresh token gets: strict, reject-only, leeway[:s], grace[:s[:n]], idempotent[:s] or
        counter (`fakes.oauth.policies`).
        dialect: the error bodies; None picks by path (/oauth/token speaks openai, /v1/oauth/token anthropic,
        /token rfc6749).
        refusal_status: the status of openai's refusals of a spent, revoked or expired token; one thread reports
        400 instead of 401.
        client_id: the public client that seeded families belong to; `more_clients` may sign in too.
        redirect_uris: where a code may be sent beside any port of loopback (RFC 8252 section 7.3).
        account: who signs in at the authorization endpoint and with a device. consent: what they answer there.
        access_ttl, refresh_ttl, family_ttl, code_ttl, device_ttl: lifetimes; None means no end, of refresh tokens and
        families only, since clients are told when the others end.
        device_interval: how long a device must wait between two polls (RFC 8628 section 3.2).
        reported_expires_in: the `expires_in` to report instead of the true one.
        urlsafe_claims: tokens whose claims need the characters "-" and "_" of base64url, on which a client that
        decodes plain base64 fails; without it no claims ever need them.
        algorithm: how tokens are signed. token_seed: refresh tokens and codes drawn from this number, so that
        two runs hand out the same ones; None draws them from the kernel.
        fault: what goes wrong, if anything.
        gate_before_commit, gate_after_commit: gates that hold a grant before or after its commit.
    """

    rotates: bool = True
    policy: str = "strict"
    dialect: DialectName | None = None
    refusal_status: int = 401
    client_id: str = CODEX_CLIENT_ID
    more_clients: tuple[str, ...] = (CLAUDE_CLIENT_ID,)
    redirect_uris: tuple[str, ...] = (
        "https://console.anthropic.com/oauth/code/callback",
        "https://platform.claude.com/oauth/code/callback",
    )
    account: str = "account-1"
    consent: Consent = "approve"
    access_ttl: float = 3600.0
    refresh_ttl: float | None = None
    family_ttl: float | None = None
    code_ttl: float = 600.0
    device_ttl: float = 900.0
    device_interval: float = 5.0
    reported_expires_in: int | None = None
    urlsafe_claims: bool = False
    algorithm: Algorithm = "ES256"
    token_seed: int | None = None
    fault: Fault | None = None
    gate_before_commit: str | None = None
    gate_after_commit: str | None = None

    def __post_init__(self) -> None:
        if self.dialect not in (None, "openai", "anthropic", "rfc6749"):
            raise OAuthSettingsError(f"dialect {self.dialect!r} is not openai, anthropic or rfc6749")
        if self.algorithm not in ("ES256", "RS256"):
            raise OAuthSettingsError(f"algorithm {self.algorithm!r} is not ES256 or RS256")
        if self.consent not in ("approve", "deny"):
            raise OAuthSettingsError(f"consent {self.consent!r} is not approve or deny")
        if self.refusal_status not in (400, 401):
            raise OAuthSettingsError(f"refusal_status {self.refusal_status} is not 400 or 401")
        for name in ("access_ttl", "refresh_ttl", "family_ttl", "code_ttl", "device_ttl"):
            value = getattr(self, name)
            endless = value is None and name in ("refresh_ttl", "family_ttl")
            if not endless and not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise OAuthSettingsError(f"{name} must be more than 0 seconds and finite, not {value}")
        if not 0 <= self.device_interval < math.inf:
            raise OAuthSettingsError(f"device_interval must be at least 0 seconds, not {self.device_interval}")
        if "" in (self.gate_before_commit, self.gate_after_commit):
            raise OAuthSettingsError("a gate must have a name; None is for no gate")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededCredential:
    """A credential of generation 0, as a client would have stored it after signing in. It is secret.

    `expires_at` is the access token's end in seconds since the epoch, by the server's clock; `id_token` is empty for a
    client that does not ask for one.
    """

    family: str
    access_token: str
    refresh_token: str
    id_token: str
    account_id: str
    expires_at: float

    def __repr__(self) -> str:
        return f"SeededCredential(family={self.family!r}, account_id={self.account_id!r}, tokens hidden)"
