"""One HTTP POST whose answer is read as it comes, with every failure named.

Refused here: compression, and retries; a caller that may retry can tell from the type whether the request can have
had an effect (`NotSent`).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from reference.deadline import Deadline
from reference.errors import Auth, Local, OrchestratorError, Retryable
from reference.providers.connection import Connection, NotConnected, Waits, connected
from reference.providers.response import Broken, Response

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


class Request:
    """A POST to `url`. `idle` is how many seconds of silence are a stall; `provider` names it in errors.

    No tuple, since its headers hold the credential, and a tuple shows what it holds.
    """

    def __init__(self, *, provider: str, url: str, headers: Mapping[str, str], body: bytes, idle: float) -> None:
        self.provider = provider
        self.url = url
        self.headers = headers
        self.body = body
        self.idle = idle


class Answer:
    """Status, headers (names in lower case) and a body that is still arriving."""

    def __init__(self, request: Request, response: Response, connection: Connection, deadline: Deadline) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._request = request
        self._connection = connection
        self._deadline = deadline

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives. Raises Retryable `stalled`, `connection-reset`, `truncated`; Stopped."""
        with _named(self._request, self._deadline, "truncated"):
            for chunk in self._connection.chunks():
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
    headers = _headers(request)
    with ExitStack() as stack:
        with _named(request, deadline, "disconnected"):
            connection = stack.enter_context(connected(request.url, _waits(request.idle, deadline)))
            response = connection.ask(_target(request.url), headers, request.body)
        yield Answer(request, response, connection, deadline)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _headers(request: Request) -> dict[str, str]:
    """All of them. Raises Auth for a credential that no header can carry."""
    headers = {
        "host": urlsplit(request.url).netloc,
        "content-length": str(len(request.body)),
        "accept-encoding": "identity",
        "connection": "close",
        **request.headers,
    }
    if not all(_is_sendable(value) for value in headers.values()):
        raise Auth(
            "unsendable-credential",
            f"the credential of {request.provider} has characters that no header can carry",
            hint="copy it again, without spaces and line breaks around it",
        )
    return headers


def _is_sendable(value: str) -> bool:
    """Whether a header can carry it (RFC 9110, section 5.5), in ASCII."""
    return value == value.strip() and all(" " <= character <= "~" for character in value)


def _waits(idle: float, deadline: Deadline) -> Waits:
    remaining = deadline.remaining()
    # The margin lets `deadline.check()` find the deadline passed when it was the deadline that ended a wait.
    left = float("inf") if remaining is None else remaining + 0.02
    return Waits(connect=min(CONNECT_SECONDS, left), silence=min(idle, left))


@contextmanager
def _named(request: Request, deadline: Deadline, ended: str) -> Iterator[None]:
    """What the network did inside, as one of the project's errors; `ended` is the code of an early end."""
    try:
        yield
    except NotConnected as error:
        deadline.check()
        raise _not_sent(request, error.cause) from error
    except TimeoutError as error:
        deadline.check()
        raise Retryable("stalled", f"{request.provider} sent nothing for {request.idle:g} s") from error
    except Broken as error:
        raise Retryable(ended, f"{request.provider} ended the connection before its answer was complete") from error
    except OSError as error:
        number = _number(error)
        raise _local(number) or Retryable(
            "connection-reset", f"{request.provider} reset the connection", detail={"errno": number}
        ) from error


def _not_sent(request: Request, error: OSError) -> OrchestratorError:
    if _is_of_tls(error):
        return NotSent("tls-failed", f"{request.provider} could not be reached safely: TLS failed")
    if isinstance(error, TimeoutError):
        return NotSent("connect-timeout", f"{request.provider} did not accept a connection in time")
    if isinstance(error, socket.gaierror):
        return NotSent("name-not-resolved", f"the address of {request.provider} is not known to the name service")
    number = _number(error)
    code = "connect-refused" if number == errno.ECONNREFUSED else "unreachable"
    return _local(number) or NotSent(code, f"{request.provider} could not be reached", detail={"errno": number})


def _local(number: int | None) -> Local | None:
    """The failure for an errno that is this machine's own."""
    if number not in _LOCAL_CAUSES:
        return None
    code, hint = _LOCAL_CAUSES[number]
    return Local(code, "this machine could not open a connection", hint=hint, detail={"errno": number})


def _number(error: OSError) -> int | None:
    """The kernel's errno, if it is one."""
    return None if _is_of_tls(error) else error.errno


def _is_of_tls(error: OSError) -> bool:
    """Whether it is an ssl.SSLError, whose errno is OpenSSL's. Told by the module, as importing ssl costs 6 ms."""
    return type(error).__module__ == "ssl"
