"""The key that signs one server's tokens, and its public half as a JSON Web Key (RFC 7517).

PyJWT and its cryptography take longer to import than the rest of the fakes together, so that they are imported at the
first token.
"""

import base64
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
        self._signer: Any = None
        self._key: Any = None
        self._kid = ""
        self._opening = b""

    def sign(self, payload: bytes) -> str:
        """The payload as a compact JWS (RFC 7515 section 7.1), with the key's `kid` in its header."""
        if self._signer is None:
            self._make()
        # PyJWT's own encode checks the key and words the header anew each time, which takes longer than to sign.
        signed = self._opening + _base64url(payload)
        return (signed + b"." + _base64url(self._signer.sign(signed, self._key))).decode()

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set that verifies every token of this server (RFC 7517 section 5)."""
        if self._signer is None:
            self._make()
        usage = {"kid": self._kid, "use": "sig", "alg": self.algorithm}
        return {"keys": [{**self._public(), **usage}]}

    def _make(self) -> None:
        import jwt

        self._key = _elliptic() if self.algorithm == "ES256" else _rsa()
        self._signer = jwt.get_algorithm_by_name(self.algorithm)
        # The key's thumbprint, RFC 7638 section 3: the required members only, sorted.
        required = to_ascii(dict(sorted(self._public().items())))
        self._kid = hashlib.sha256(required.encode()).hexdigest()[:16]
        header = to_ascii({"alg": self.algorithm, "typ": "JWT", "kid": self._kid})
        self._opening = _base64url(header.encode()) + b"."

    def _public(self) -> dict[str, str]:
        from jwt.algorithms import ECAlgorithm, RSAAlgorithm

        encode = ECAlgorithm.to_jwk if self.algorithm == "ES256" else RSAAlgorithm.to_jwk
        members = json.loads(encode(self._key.public_key()))
        return {name: members[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in members}


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _elliptic() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _rsa() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
