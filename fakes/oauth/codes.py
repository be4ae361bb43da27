"""Authorization codes (RFC 6749 section 4.1) with PKCE (RFC 7636), without clock or socket.

A code is good for one exchange. One that is presented again takes back what it minted (RFC 6749 section 4.1.2). The
only challenge method here is S256: RFC 9700 section 2.1.1 asks public clients for PKCE, and "plain" protects nothing.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from fakes.oauth.rules import Decision, Family

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(slots=True, kw_only=True, eq=False)
class Code:
    """One authorization code. `auth_time` is when the user signed in, `family` what was minted, None before that."""

    value: str
    client_id: str
    redirect_uri: str
    challenge: str
    scope: frozenset[str]
    account: str
    nonce: str
    auth_time: float
    expires_at: float
    family: Family | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeGrant:
    """A request to exchange a code; an empty field is a missing parameter."""

    code: str
    client_id: str
    redirect_uri: str
    verifier: str


def is_challenge(text: str) -> bool:
    """Whether this can be an S256 challenge: a SHA-256 in base64url without padding."""
    return _CHALLENGE.fullmatch(text) is not None


def is_verifier(text: str) -> bool:
    """Whether this can be a verifier: 43 to 128 unreserved characters (RFC 7636 section 4.1)."""
    return _VERIFIER.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def judge_code(grant: CodeGrant, code: Code | None, now: float) -> Decision:
    """ "minted" for a code that may be exchanged now, else the refusal. Only "reused" changes anything."""
    if not (grant.code and grant.client_id and grant.redirect_uri and is_verifier(grant.verifier)):
        return "invalid-request"
    if code is None:
        return "unknown"
    if grant.client_id != code.client_id:
        return "wrong-client"
    if code.family is not None:
        code.family.revoke()
        return "reused"
    if now >= code.expires_at:
        return "expired"
    if grant.redirect_uri != code.redirect_uri or challenge_of(grant.verifier) != code.challenge:
        return "mismatch"
    return "minted"
