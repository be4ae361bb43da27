"""Token values: JSON Web Tokens that clients decode, and opaque refresh tokens.

The claims are those that clients read without verifying. PyJWT and its cryptography take longer to import
than the rest of the fakes together, so they are imported at the first token.
"""

import secrets
from typing import Any

from fakes.wire.sse import to_bytes

ISSUER = "https://auth.openai.com"


class Minter:
    """Makes the tokens of one server, signed with a key of its own (ES256)."""

    def __init__(self, urlsafe_claims: bool) -> None:
        self._urlsafe = urlsafe_claims
        self._sign: Any = None
        self._key: Any = None
        self._serial = 0

    def refresh_token(self) -> str:
        """A new opaque refresh token."""
        return f"rt_{secrets.token_hex(24)}"

    def access_token(self, account: str, client_id: str, issued_at: float, expires_at: float) -> str:
        """A JWT for the provider; its `jti` makes it unique."""
        claims = {
            "aud": ["https://api.openai.com/v1"],
            "client_id": client_id,
            "scp": ["openid", "profile", "email", "offline_access"],
        }
        return self._jwt({**claims, **self._common(account, issued_at, expires_at)})

    def id_token(self, account: str, client_id: str, issued_at: float, expires_at: float) -> str:
        """A JWT that tells the client who signed in."""
        claims = {"aud": [client_id], "email_verified": True}
        return self._jwt({**claims, **self._common(account, issued_at, expires_at)})

    def _common(self, account: str, issued_at: float, expires_at: float) -> dict[str, Any]:
        self._serial += 1
        email = email_of(account)
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": f"user-{account}",
            "jti": f"{self._serial:016x}",
            "iat": int(issued_at),
            "nbf": int(issued_at),
            "exp": int(expires_at),
            "email": email,
            "https://api.openai.com/profile": {"email": email, "email_verified": True},
            "https://api.openai.com/auth": {
                "chatgpt_account_id": account,
                "chatgpt_plan_type": "plus",
                "chatgpt_user_id": f"user-{account}",
                "user_id": f"user-{account}",
            },
        }
        if self._urlsafe:
            # Base64 makes "+" and "/" ("-" and "_" in JWTs) of ">" and "?" at one of three alignments; three
            # in a row meet all. Other printable ASCII, "~" apart, never gives them.
            claims["name"] = ">>>???"
        return claims

    def _jwt(self, claims: dict[str, Any]) -> str:
        if self._sign is None:
            import jwt
            from cryptography.hazmat.primitives.asymmetric import ec

            self._key = ec.generate_private_key(ec.SECP256R1())
            self._sign = jwt.PyJWS().encode
        token: str = self._sign(to_bytes(claims), self._key, algorithm="ES256")
        return token


def email_of(account: str) -> str:
    """The address of an account that was given without one."""
    return f"{account}@example.test"
