"""TLS for vendor host names: a certificate authority of its own for each server, made when first needed.

Only names that the fakes serve get a certificate. `trustme` and the cryptography under it are slow to import,
so that a server that never speaks TLS never loads them.
"""

import ssl

SERVED_HOSTS = (
    "auth.openai.com",
    "chatgpt.com",
    "api.openai.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "cloudcode-pa.googleapis.com",
    "platform.claude.com",
    "console.anthropic.com",
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Authority:
    """One test CA and the context for the one certificate that names every served host."""

    def __init__(self) -> None:
        self._pem = b""
        self._context: ssl.SSLContext | None = None

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate, for a client's trust store."""
        self._make()
        return self._pem

    def context(self) -> ssl.SSLContext:
        """The server side's context. It offers HTTP/1.1 only."""
        return self._make()

    def _make(self) -> ssl.SSLContext:
        if self._context is None:
            import trustme

            authority = trustme.CA(organization_name="fakes test CA")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(*SERVED_HOSTS, *_LOOPBACK).configure_cert(context)
            context.set_alpn_protocols(["http/1.1"])
            self._pem, self._context = authority.cert_pem.bytes(), context
        return self._context


def host_and_port(authority: str, default: int) -> tuple[str, int]:
    """A host name in lower case and a port, from `host`, `host:port`, `[v6]:port` or a bare `v6:port`.

    Raises:
        ValueError: the port is not a number from 1 to 65535.
    """
    authority = authority.rpartition("@")[2]  # a user and a password have no place here, nor in any record
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, colon, port = authority.rpartition(":")
        host, port = (host, port) if colon else (authority, "")
    if port and not (port.isascii() and port.isdecimal()):  # int() takes more, such as 4_43
        raise ValueError("the port is not a number")
    number = int(port) if port else default
    if not 1 <= number <= 65535:
        raise ValueError(f"port {number} is out of range")
    return host.lower().rstrip("."), number
