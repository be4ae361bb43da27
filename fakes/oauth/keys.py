"""The key that signs one server's tokens, and its public half as a JSON Web Key (RFC 7517).

Signatures and keys are those of RFC 7518 (sections 3.3, 3.4 and 6). PyJWT would do it too, but takes as long to import
as half of the fakes; what is imported here waits for the first token.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Protocol

from fakes.oauth.settings import Algorithm
from fakes.wire.sse import to_ascii

_RSA_BITS = 2048
_COORDINATE = 32  # bytes of a number of P-256


class SigningKey:
    """A private key, made when first needed. `algorithm` is the JWS name."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.algorithm = algorithm
        self._made: _Key | None = None
        self._kid = ""
        self._opening = b""

    def sign(self, payload: bytes) -> str:
        """The payload as a compact JWS (RFC 7515 section 7.1), with the key's `kid` in its header."""
        key = self._key()
        signed = self._opening + _base64url(payload)
        return (signed + b"." + _base64url(key.sign(signed))).decode()

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set that verifies every token of this server (RFC 7517 section 5)."""
        members = self._key().public
        return {"keys": [{**members, "kid": self._kid, "use": "sig", "alg": self.algorithm}]}

    def _key(self) -> _Key:
        if self._made is None:
            self._made = _Elliptic() if self.algorithm == "ES256" else _Rsa()
            # The key's thumbprint, RFC 7638 section 3: the required members only, sorted.
            required = to_ascii(dict(sorted(self._made.public.items())))
            self._kid = hashlib.sha256(required.encode()).hexdigest()[:16]
            header = to_ascii({"alg": self.algorithm, "typ": "JWT", "kid": self._kid})
            self._opening = _base64url(header.encode()) + b"."
        return self._made


class _Key(Protocol):
    """One kind of key: its signatures, and the members that RFC 7518 requires of its public half."""

    public: Mapping[str, str]

    def sign(self, data: bytes) -> bytes: ...


class _Elliptic:
    """ES256: a signature is two numbers of one length (RFC 7518 section 3.4), where OpenSSL gives DER."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        from cryptography.hazmat.primitives.hashes import SHA256

        self._key = ec.generate_private_key(ec.SECP256R1())
        self._scheme = ec.ECDSA(SHA256())
        self._numbers = utils.decode_dss_signature
        point = self._key.public_key().public_numbers()
        x, y = (_base64url(number.to_bytes(_COORDINATE)).decode() for number in (point.x, point.y))
        self.public: Mapping[str, str] = {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def sign(self, data: bytes) -> bytes:
        return b"".join(number.to_bytes(_COORDINATE) for number in self._numbers(self._key.sign(data, self._scheme)))


class _Rsa:
    """RS256, PKCS #1 version 1.5."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.hashes import SHA256

        self._key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        self._scheme = padding.PKCS1v15(), SHA256()
        numbers = self._key.public_key().public_numbers()
        n, e = (_base64url(number.to_bytes(-(-number.bit_length() // 8))).decode() for number in (numbers.n, numbers.e))
        self.public: Mapping[str, str] = {"kty": "RSA", "n": n, "e": e}

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data, *self._scheme)


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
