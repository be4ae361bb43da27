"""One HTTP POST whose answer is read as it comes, with every failure named.

The layer below is httpcore, httpx's own transport: importing httpx itself costs a command 60 ms more. Refused
here: redirects, proxies and other settings from the environment, keep-alive between requests, compression,
and retries; a caller that may retry can tell from the type whether the request can have had an effect
(`NotSent`).
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore

from reference.deadline import Deadline
from reference.errors import Auth, Local, OrchestratorError, Retryable

CONNECT_SECONDS = 5.0
MAX_ERROR_BODY = 64 * 1024

# What this machine ran out of or forbids: another provider would meet the same (FLO-1).
_LOCAL_CAUSES = {
    errno.EMFILE: ("out-of-descriptors", "raise the limit (ulimit -n) or end other programs"),
    errno.ENFILE: ("out-of-descriptors", "the whole system has no file descriptors left: end other programs"),
    errno.ENOMEM: ("out-of-memory", "free memory and run the command again"),
    errno.ENOBUFS: ("out-of-memory", "the kernel has no buffers left: end other programs"),
    errno.EACCES: ("network-forbidden", "this user may not open connections: look at firewall and sandbox"),
    errno.EPERM: ("network-forbidden", "this user may not open connections: look at firewall and sandbox"),
    errno.EADDRNOTAVAIL: ("out-of-ports", "no local port is free: wait for old connections to close"),
}


class NotSent(Retryable):
    """No connection was made, so the request cannot have had an effect."""

    usual_hint = "check the network, and the address of the provider in config.json"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)  # its headers hold the credential
class Request:
    """A POST to `url`. `idle` is how many seconds of silence are a stall; `provider` names it in errors."""

    provider: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    idle: float


class Answer:
    """Status, headers (names in lower case) and a body that is still arriving."""

    def __init__(self, request: Request, response: httpcore.Response, deadline: Deadline) -> None:
        self.status = response.status
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        self._request = request
        self._response = response
        self._deadline = deadline

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives. Raises Retryable `stalled`, `connection-reset`, `truncated`; Stopped."""
        with _named(self._request, self._deadline, "truncated"):
            for chunk in self._response.iter_stream():
                self._deadline.check()
                yield chunk

    def body(self, limit: int = MAX_ERROR_BODY, within: float | None = None) -> bytes:
        """The first `limit` bytes of the body. Raises as `chunks`, and Retryable `stalled` after `within` seconds."""
        whole, end = b"", Deadline.after(within)
        for chunk in self.chunks():
            whole += chunk
            if len(whole) >= limit:
                break
            if end.passed():
                raise Retryable("stalled", f"{self._request.provider} did not end its answer within {within:g} s")
        return whole[:limit]


@contextmanager
def post(request: Request, deadline: Deadline) -> Iterator[Answer]:
    """Send `request` and yield its answer once the status and the headers have come.

    Raises NotSent (`connect-refused`, `connect-timeout`, `unreachable`, `name-not-resolved`, `tls-failed`),
    Retryable (`disconnected`, `connection-reset`, `stalled`), Local, Stopped.
    """
    deadline.check()
    headers = _encoded(request)
    with httpcore.ConnectionPool(retries=0, max_connections=1) as pool:
        with _named(request, deadline, "disconnected"):
            response = pool.handle_request(
                httpcore.Request(
                    "POST",
                    request.url,
                    headers=headers,
                    content=request.body,
                    extensions={"timeout": _timeouts(request.idle, deadline)},
                )
            )
        try:
            yield Answer(request, response, deadline)
        finally:
            response.close()


def _encoded(request: Request) -> list[tuple[bytes, bytes]]:
    """The header lines. Raises Auth for a credential that no header can carry."""
    headers = {
        "host": request.url.split("://", 1)[1].split("/", 1)[0],
        "content-length": str(len(request.body)),
        "accept-encoding": "identity",
        "connection": "close",
        **request.headers,
    }
    if not all(" " <= character <= "~" for value in headers.values() for character in value):
        raise Auth(
            "unsendable-credential",
            f"the credential of {request.provider} has characters that no header can carry",
            hint="copy it again, without line breaks",
        )
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _timeouts(idle: float, deadline: Deadline) -> dict[str, float]:
    remaining = deadline.remaining()
    # The margin lets `deadline.check()` find the deadline passed when it was the deadline that ended a wait.
    left = float("inf") if remaining is None else max(remaining, 0.0) + 0.02
    return {
        "connect": min(CONNECT_SECONDS, left),
        "read": min(idle, left),
        "write": min(idle, left),
        "pool": min(CONNECT_SECONDS, left),
    }


@contextmanager
def _named(request: Request, deadline: Deadline, ended: str) -> Iterator[None]:
    """What the network did inside, as one of the project's errors; `ended` is the code of an early end."""
    try:
        yield
    except httpcore.TimeoutException as error:
        deadline.check()
        raise _timed_out(request, error) from error
    except httpcore.RemoteProtocolError as error:
        raise Retryable(ended, f"{request.provider} ended the connection before its answer was complete") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise _failed(request, error) from error
    except OSError as error:
        raise _failed(request, error) from error


def _timed_out(request: Request, error: httpcore.TimeoutException) -> Retryable:
    if isinstance(error, httpcore.ConnectTimeout | httpcore.PoolTimeout):
        return NotSent("connect-timeout", f"{request.provider} did not accept a connection in time")
    return Retryable("stalled", f"{request.provider} sent nothing for {request.idle:g} s")


def _failed(request: Request, error: Exception) -> OrchestratorError:
    cause = _os_error(error)
    if isinstance(cause, ssl.SSLError):  # an OSError whose errno is OpenSSL's, not the kernel's
        return NotSent("tls-failed", f"{request.provider} could not be reached safely: TLS failed")
    number = cause.errno if cause is not None else None
    if number in _LOCAL_CAUSES:
        code, hint = _LOCAL_CAUSES[number]
        return Local(code, "this machine could not open a connection", hint=hint, detail={"errno": number})
    if isinstance(error, httpcore.ConnectError):
        refused = number == errno.ECONNREFUSED
        code = "connect-refused" if refused else "unreachable"
        return NotSent(code, f"{request.provider} could not be reached", detail={"errno": number})
    return Retryable("connection-reset", f"{request.provider} reset the connection", detail={"errno": number})


def _os_error(error: BaseException | None) -> OSError | None:
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error
