"""Token endpoint bodies: the same decision as OpenAI, Anthropic or RFC 6749 would word it.

A dialect turns a refusal into status and body, and tokens into a body. It decides nothing.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

from fakes.oauth.rules import Decision
from fakes.oauth.settings import DialectName
from fakes.wire.http import HttpReply
from fakes.wire.sse import to_bytes

NO_STORE = (("cache-control", "no-store"), ("pragma", "no-cache"))


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTokens:
    """What a successful grant hands out. `expires_in` is in seconds; `id_token` is empty where none was asked for.

    So is `refresh_token` where the client keeps the one that it has.
    """

    access_token: str
    refresh_token: str
    id_token: str
    expires_in: int
    scope: str
    account: str


class Dialect(Protocol):
    """One vendor's wording."""

    def success(self, issued: IssuedTokens) -> HttpReply:
        """The answer that carries tokens."""

    def refusal(self, decision: Decision, detail: str) -> HttpReply:
        """The answer to a refused refresh; `detail` says more where the vendor's wording leaves room."""

    def code_refusal(self, decision: Decision, detail: str) -> HttpReply:
        """The answer to a refused exchange of an authorization code."""

    def client_refusal(self) -> HttpReply:
        """The answer to a client that names itself in an Authorization header only (RFC 6749 section 5.2)."""

    def failure(self, status: int, *, also: str = "") -> HttpReply:
        """A server error that says nothing of the grant; its message ends with what it is `also` to say."""


_RFC_ERRORS: dict[str, tuple[str, str]] = {
    "invalid-request": ("invalid_request", "A required parameter is missing or malformed."),
    "invalid-scope": ("invalid_scope", "The requested scope exceeds the scope granted."),
    "wrong-client": ("invalid_grant", "The refresh token was issued to another client."),
    "unknown": ("invalid_grant", "Refresh token not found or invalid"),
    "reused": ("invalid_grant", "The refresh token has already been used."),
    "revoked": ("invalid_grant", "The refresh token has been revoked."),
    "expired": ("invalid_grant", "The refresh token has expired."),
}


_CODE_ERRORS: dict[str, tuple[str, str]] = {
    "invalid-request": _RFC_ERRORS["invalid-request"],
    "wrong-client": ("invalid_grant", "The authorization code was issued to another client."),
    "unknown": ("invalid_grant", "The authorization code is not known."),
    "reused": ("invalid_grant", "The authorization code has already been used."),
    "expired": ("invalid_grant", "The authorization code has expired."),
    "mismatch": ("invalid_grant", "redirect_uri or code_verifier does not match the authorization request."),
}
_DEVICE_ERRORS: dict[str, tuple[str, str]] = {
    "invalid-request": _RFC_ERRORS["invalid-request"],
    "wrong-client": ("invalid_grant", "The device code was issued to another client."),
    "unknown": ("invalid_grant", "The device code is not known, or has been used."),
    "pending": ("authorization_pending", "The user has not decided yet."),
    "slow-down": ("slow_down", "The device polls too fast; wait 5 seconds longer from now on."),
    "denied": ("access_denied", "The user has refused."),
    "expired": ("expired_token", "The device code has expired."),
}
MALFORMED_SCOPE = "scope is empty, or has characters that no scope may have."
_NO_SECRETS = "Clients have no secret here; send client_id in the body and no Authorization header."
_CHALLENGE = ("www-authenticate", 'Basic realm="fakes"')
UNSUPPORTED = "unsupported_grant_type"
_SUPPORTED = "The grant types are refresh_token, authorization_code and urn:ietf:params:oauth:grant-type:device_code."


def flat(error: str, description: str, status: int = 400) -> HttpReply:
    """An error in the words of RFC 6749 section 5.2."""
    body = to_bytes({"error": error, "error_description": description})
    return HttpReply(status=status, body=body, headers=NO_STORE)


def device_refusal(decision: Decision, detail: str) -> HttpReply:
    """The answer to a refused poll, in every dialect that of RFC 8628 section 3.5: no vendor's own is known."""
    error, description = _DEVICE_ERRORS[decision]
    return flat(error, detail or description)


def _rfc_body(decision: Decision, detail: str) -> HttpReply:
    error, description = _RFC_ERRORS[decision]
    return flat(UNSUPPORTED, _SUPPORTED) if detail == UNSUPPORTED else flat(error, detail or description)


def _rfc_code_body(decision: Decision, detail: str) -> HttpReply:
    error, description = _CODE_ERRORS[decision]
    return flat(error, detail or description)


def _rfc_client_body() -> HttpReply:
    return replace(flat("invalid_client", _NO_SECRETS, 401), headers=(*NO_STORE, _CHALLENGE))


class Rfc6749:
    """RFC 6749 sections 5.1 and 5.2: 400 and a flat body."""

    def success(self, issued: IssuedTokens) -> HttpReply:
        """Section 5.1, with the id_token of OpenID Connect where the scope asks for one."""
        body = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
            **({"refresh_token": issued.refresh_token} if issued.refresh_token else {}),
            **({"id_token": issued.id_token} if issued.id_token else {}),
            "scope": issued.scope,
        }
        return HttpReply(status=200, body=to_bytes(body), headers=NO_STORE)

    def refusal(self, decision: Decision, detail: str) -> HttpReply:
        """Section 5.2."""
        return _rfc_body(decision, detail)

    def code_refusal(self, decision: Decision, detail: str) -> HttpReply:
        """Section 5.2."""
        return _rfc_code_body(decision, detail)

    def client_refusal(self) -> HttpReply:
        """Section 5.2."""
        return _rfc_client_body()

    def failure(self, status: int, *, also: str = "") -> HttpReply:
        """A server error with a flat body."""
        body = {"error": "server_error", "error_description": f"The fake was told to fail here.{also}"}
        return HttpReply(status=status, body=to_bytes(body), headers=NO_STORE)


class Anthropic:
    """console.anthropic.com: the RFC's errors, and the account beside the tokens."""

    def success(self, issued: IssuedTokens) -> HttpReply:
        """Tokens without an id_token."""
        body = {
            "token_type": "Bearer",
            "access_token": issued.access_token,
            "expires_in": issued.expires_in,
            **({"refresh_token": issued.refresh_token} if issued.refresh_token else {}),
            "scope": issued.scope,
            "account": {"uuid": issued.account},
        }
        return HttpReply(status=200, body=to_bytes(body), headers=NO_STORE)

    def refusal(self, decision: Decision, detail: str) -> HttpReply:
        """400 invalid_grant and its kin."""
        return _rfc_body(decision, detail)

    def code_refusal(self, decision: Decision, detail: str) -> HttpReply:
        """400 invalid_grant and its kin."""
        return _rfc_code_body(decision, detail)

    def client_refusal(self) -> HttpReply:
        """401 invalid_client."""
        return _rfc_client_body()

    def failure(self, status: int, *, also: str = "") -> HttpReply:
        """A server error in the API's own shape."""
        error = {"type": "api_error", "message": f"Internal server error{also}"}
        return HttpReply(status=status, body=to_bytes({"type": "error", "error": error}), headers=NO_STORE)


_OPENAI_REFUSALS: dict[str, tuple[int, str | None, str]] = {
    "reused": (
        401,
        "refresh_token_reused",
        "Your refresh token has already been used to generate a new access token. Please try signing in again.",
    ),
    "expired": (401, "refresh_token_expired", "Your refresh token has expired. Please try signing in again."),
    "revoked": (
        401,
        "refresh_token_invalidated",
        "Your refresh token has been invalidated. Please try signing in again.",
    ),
    "unknown": (401, "invalid_grant", "Your refresh token could not be found. Please try signing in again."),
    "wrong-client": (401, "invalid_grant", "Your refresh token was issued to another client."),
    "invalid-scope": (400, "invalid_scope", "The requested scope exceeds the scope granted."),
    "invalid-request": (400, "invalid_request", "A required parameter is missing or malformed."),
}


@dataclass(frozen=True, slots=True)
class OpenAI:
    """auth.openai.com: errors in the API's own shape; reuse, expiry and revocation have a code.

    `refusal_status` is the status of those: 401, or 400 as one thread reports.
    """

    refusal_status: int = 401

    def success(self, issued: IssuedTokens) -> HttpReply:
        """All of id_token, access_token, refresh_token and expires_in: some clients need every one."""
        return Rfc6749().success(issued)

    def refusal(self, decision: Decision, detail: str) -> HttpReply:
        """{"error":{"message","type","param","code"}}."""
        status, code, message = _OPENAI_REFUSALS[decision]
        if detail == UNSUPPORTED:
            code, message = detail, _SUPPORTED
        status = self.refusal_status if status == 401 else status
        return _openai(status, message if detail == UNSUPPORTED else detail or message, "invalid_request_error", code)

    def code_refusal(self, decision: Decision, detail: str) -> HttpReply:
        """The RFC's error as the code; how auth.openai.com words it is not known."""
        code, message = _CODE_ERRORS[decision]
        return _openai(400, detail or message, "invalid_request_error", code)

    def client_refusal(self) -> HttpReply:
        """The RFC's error as the code."""
        reply = _openai(401, _NO_SECRETS, "invalid_request_error", "invalid_client")
        return replace(reply, headers=(*NO_STORE, _CHALLENGE))

    def failure(self, status: int, *, also: str = "") -> HttpReply:
        """A server error in the API's shape."""
        message = f"The server had an error while processing your request.{also}"
        return _openai(status, message, "server_error", None)


def _openai(status: int, message: str, kind: str, code: str | None) -> HttpReply:
    error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    return HttpReply(status=status, body=to_bytes({"error": error}), headers=NO_STORE)


def dialect_named(name: DialectName, refusal_status: int) -> Dialect:
    """The dialect of this name."""
    if name == "openai":
        return OpenAI(refusal_status)
    return Anthropic() if name == "anthropic" else Rfc6749()
