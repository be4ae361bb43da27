"""Token values: JSON Web Tokens that clients decode, and opaque refresh tokens and codes.

The claims are those that clients read without verifying; `fakes.oauth.keys` signs them.
"""

import hashlib
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fakes.oauth.keys import SigningKey
from fakes.oauth.settings import OAuthSettings
from fakes.wire.sse import to_ascii

ISSUER = "https://auth.openai.com"
# A person reads and types these: no vowels, which make words, and no digits, which look like letters.
_USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
# Only these characters of printable ASCII make base64 need its "+" and "/" ("-" and "_" in JWTs).
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in ">?~\x7f"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom and what JWTs are about, whenever they are issued.

    `auth_time` is when the user signed in, in seconds since the epoch, None where that is not told.
    """

    account: str
    client_id: str
    scope: frozenset[str]
    issuer: str
    nonce: str = ""
    auth_time: float | None = None


class Minter:
    """Makes the tokens of one server, signed with a key of its own."""

    def __init__(self, settings: OAuthSettings) -> None:
        self.key = SigningKey(settings.algorithm)
        self._urlsafe = settings.urlsafe_claims
        self._seed = settings.token_seed
        self._serial = 0

    def refresh_token(self) -> str:
        """A new opaque refresh token."""
        return f"rt_{self._opaque(24).hex()}"

    def code(self) -> str:
        """A new authorization code or device code."""
        return f"ac_{self._opaque(24).hex()}"

    def verifier(self) -> str:
        """A PKCE verifier, for a client that lets the server make it."""
        return self._opaque(32).hex()

    def user_code(self) -> str:
        """Eight letters to type, as RFC 8628 section 6.1 advises."""
        letters = [_USER_CODE_LETTERS[byte % len(_USER_CODE_LETTERS)] for byte in self._opaque(8)]
        return f"{''.join(letters[:4])}-{''.join(letters[4:])}"

    def access_token(self, subject: Subject, issued_at: float, expires_at: float) -> str:
        """A JWT for the provider; its `jti` makes it unique. Times are in seconds since the epoch."""
        return self._jwt(_access_claims(subject, self._urlsafe), issued_at, expires_at)

    def id_token(self, subject: Subject, issued_at: float, expires_at: float) -> str:
        """A JWT that tells the client who signed in (OpenID Connect Core section 2)."""
        return self._jwt(_id_claims(subject, self._urlsafe), issued_at, expires_at)

    def _opaque(self, size: int) -> bytes:
        if self._seed is None:
            return secrets.token_bytes(size)
        self._serial += 1
        return hashlib.sha256(f"{self._seed}/{self._serial}".encode()).digest()[:size]

    def _jwt(self, claims: str, issued_at: float, expires_at: float) -> str:
        self._serial += 1
        begins, ends = int(issued_at), int(expires_at)
        own = f'"jti":"{self._serial:016x}","iat":{begins},"nbf":{begins},"exp":{ends}'
        return self.key.sign(f"{claims[:-1]},{own}}}".encode())


# What a subject's tokens have in common is encoded once: it takes a third as long as a signature.
@lru_cache(maxsize=256)
def _access_claims(subject: Subject, urlsafe: bool) -> str:
    claims = {"aud": ["https://api.openai.com/v1"], "client_id": subject.client_id, "scp": sorted(subject.scope)}
    return _encoded({**claims, **_common(subject)}, urlsafe)


@lru_cache(maxsize=256)
def _id_claims(subject: Subject, urlsafe: bool) -> str:
    claims: dict[str, Any] = {"aud": [subject.client_id], "email_verified": True}
    if subject.nonce:
        claims["nonce"] = subject.nonce
    if subject.auth_time is not None:
        claims["auth_time"] = int(subject.auth_time)
    return _encoded({**claims, **_common(subject)}, urlsafe)


def _common(subject: Subject) -> dict[str, Any]:
    account, email = subject.account, email_of(subject.account)
    return {
        "iss": subject.issuer,
        "sub": f"user-{account}",
        "email": email,
        "https://api.openai.com/profile": {"email": email, "email_verified": True},
        "https://api.openai.com/auth": {
            "chatgpt_account_id": account,
            "chatgpt_plan_type": "plus",
            "chatgpt_user_id": f"user-{account}",
            "user_id": f"user-{account}",
        },
    }


def _encoded(claims: dict[str, Any], urlsafe: bool) -> str:
    # The characters make base64 need "-" and "_" at one of three alignments; three in a row meet all.
    return to_ascii({**claims, "name": ">>>???"}) if urlsafe else to_ascii(claims).translate(_ESCAPES)


def email_of(account: str) -> str:
    """The address of an account that was given without one."""
    return f"{account}@example.test"
