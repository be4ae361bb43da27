"""The key that signs one server's tokens, and its public half as a JSON Web Key (RFC 7517).

PyJWT and its cryptography take longer to import than the rest of the fakes together, so that they are imported at the
first token.
"""

import hashlib
import json
from typing import Any

from fakes.oauth.settings import Algorithm
from fakes.wire.sse import to_ascii

_RSA_BITS = 2048


class SigningKey:
    """A private key, made when first needed. `algorithm` is the JWS name."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.algorithm = algorithm
        self._encode: Any = None
        self._key: Any = None
        self._header: dict[str, str] = {}

    def sign(self, payload: bytes) -> str:
        """The payload as a compact JWS, with the key's `kid` in its header."""
        if self._encode is None:
            self._make()
        token: str = self._encode(payload, self._key, algorithm=self.algorithm, headers=self._header)
        return token

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set that verifies every token of this server (RFC 7517 section 5)."""
        if self._encode is None:
            self._make()
        usage = {"kid": self._header["kid"], "use": "sig", "alg": self.algorithm}
        return {"keys": [{**self._public(), **usage}]}

    def _make(self) -> None:
        import jwt

        self._key = _elliptic() if self.algorithm == "ES256" else _rsa()
        self._encode = jwt.PyJWS().encode
        # The key's thumbprint, RFC 7638 section 3: the required members only, sorted.
        required = to_ascii(dict(sorted(self._public().items())))
        self._header = {"kid": hashlib.sha256(required.encode()).hexdigest()[:16]}

    def _public(self) -> dict[str, str]:
        from jwt.algorithms import ECAlgorithm, RSAAlgorithm

        encode = ECAlgorithm.to_jwk if self.algorithm == "ES256" else RSAAlgorithm.to_jwk
        members = json.loads(encode(self._key.public_key()))
        return {name: members[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in members}


def _elliptic() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _rsa() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
