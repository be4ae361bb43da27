"""One exchange over one connection: early answers, TLS, names, and what a failure says of the request's effect."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from reference.deadline import Deadline
from reference.errors import Auth, Local, OrchestratorError, Retryable
from reference.providers.connection import NotConnected, Waits, connected
from reference.providers.transport import NotSent, Request, post

Talk = Callable[[socket.socket], None]


def asked(url: str, body: bytes = b"{}", **headers: str) -> tuple[int, bytes]:
    request = Request(provider="p", url=url, headers=headers, body=body, idle=5.0)
    with post(request, Deadline.after(10)) as answer:
        return answer.status, b"".join(answer.chunks())


def failure(url: str, **more: Any) -> OrchestratorError:
    with pytest.raises(OrchestratorError) as caught:
        asked(url, **more)
    return caught.value


@contextmanager
def serving(talk: Talk, family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    """A server of one connection, which `talk` holds."""
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((host, 0), family=family) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                talk(accepted)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


def head_of(stream: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += stream.recv(65536)
    return data


def says(whole: bytes) -> Talk:
    def talk(stream: socket.socket) -> None:
        head_of(stream)
        stream.sendall(whole)

    return talk


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def test_interim_answers_are_passed_over() -> None:
    with serving(says(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)) as port:
        assert asked(f"http://127.0.0.1:{port}/") == (200, b"ok")


def test_a_long_request_that_is_refused_before_it_was_read() -> None:
    """The server answers after the headers and resets what still comes: its answer is what is told."""

    def talk(stream: socket.socket) -> None:
        head_of(stream)
        stream.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        stream.shutdown(socket.SHUT_RD)
        while stream.recv(65536):  # what is unread at close would make the kernel drop the answer, too
            pass

    with serving(talk) as port:
        assert asked(f"http://127.0.0.1:{port}/", b"x" * 20_000_000) == (413, b"")


def test_one_that_closes_while_a_long_request_is_sent() -> None:
    with serving(lambda stream: stream.close()) as port:
        error = failure(f"http://127.0.0.1:{port}/", body=b"x" * 20_000_000)
    assert type(error) is Retryable
    assert error.code in ("disconnected", "connection-reset")


def test_the_target_keeps_its_query_and_the_host_its_port() -> None:
    seen: list[bytes] = []

    def talk(stream: socket.socket) -> None:
        seen.append(head_of(stream))
        stream.sendall(OK)

    with serving(talk, socket.AF_INET6) as port:
        assert asked(f"http://[::1]:{port}?alt=sse", **{"x-key": "k"}) == (200, b"ok")
    first, *lines = seen[0].decode().split("\r\n")
    assert first == "POST /?alt=sse HTTP/1.1"
    assert {f"host: [::1]:{port}", "connection: close", "x-key: k"} <= {line.lower() for line in lines}


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    with serving(says(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")) as port:
        assert asked(f"http://127.0.0.1:{port}/") == (200, b"until the end")


@pytest.mark.parametrize("junk", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"\x15\x03\x01" * 9])
def test_what_is_no_answer(junk: bytes) -> None:
    with serving(says(junk)) as port:
        error = failure(f"http://127.0.0.1:{port}/")
    assert (type(error), error.code) == (Retryable, "disconnected")


def test_headers_as_long_as_some_proxies_send() -> None:
    long = b"HTTP/1.1 200 OK\r\nx: " + b"y" * 60_000 + b"\r\ncontent-length: 2\r\n\r\nok"
    with serving(says(long)) as port:
        assert asked(f"http://127.0.0.1:{port}/") == (200, b"ok")


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure("http://nobody.test/")
    assert (type(error), error.code) == (NotSent, "name-not-resolved")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(f"http://127.0.0.1:{port}/")
    assert (type(error), error.code, error.detail) == (NotSent, "connect-refused", {"errno": errno.ECONNREFUSED})


def test_out_of_ports_is_this_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: Any, **__: Any) -> None:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

    monkeypatch.setattr(socket, "create_connection", none_left)
    error = failure("http://127.0.0.1:1/")
    assert (type(error), error.code) == (Local, "out-of-ports")


@pytest.mark.parametrize("value", ["key ", " key", "key\t", "\x7f"])
def test_a_credential_with_space_around_it_is_not_sent(value: str) -> None:
    error = failure("http://127.0.0.1:1/", **{"x-api-key": value})
    assert (type(error), error.code) == (Auth, "unsendable-credential")


class Authority:
    """A CA of the test's own, which the client trusts by SSL_CERT_FILE, and the server's side of TLS."""

    def __init__(self, folder: Path, *names: str) -> None:
        authority = trustme.CA()
        self.file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.file))
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(*names).configure_cert(self.context)

    def serving(self, talk: Talk) -> Any:
        def secured(stream: socket.socket) -> None:
            try:
                with self.context.wrap_socket(stream, server_side=True) as safe:
                    talk(safe)
            except ssl.SSLError:  # the client does not like the certificate
                return

        return serving(secured)


def test_tls_under_an_authority_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with authority.serving(says(OK)) as port:
        assert asked(f"https://127.0.0.1:{port}/") == (200, b"ok")


def test_tls_of_somebody_unknown(tmp_path: Path) -> None:
    with Authority(tmp_path, "127.0.0.1").serving(says(OK)) as port:
        error = failure(f"https://127.0.0.1:{port}/")
    assert (type(error), error.code) == (NotSent, "tls-failed")


def test_tls_for_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path, "another.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with authority.serving(says(OK)) as port:
        error = failure(f"https://127.0.0.1:{port}/")
    assert (type(error), error.code) == (NotSent, "tls-failed")


def test_a_server_that_speaks_no_tls() -> None:
    with serving(lambda stream: stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        error = failure(f"https://127.0.0.1:{port}/")
    assert (type(error), error.code) == (NotSent, "tls-failed")


def test_tls_that_breaks_after_the_request_may_have_had_an_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its errno is OpenSSL's 1, which is EPERM to the kernel: neither a local failure nor one before the request."""
    authority = Authority(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    def talk(safe: socket.socket) -> None:
        head_of(safe)
        os.write(safe.fileno(), b"\x17\x03\x03\x00\x20" + b"x" * 32)  # a record under no key of this connection

    with authority.serving(talk) as port:
        error = failure(f"https://127.0.0.1:{port}/")
    assert (type(error), error.code) == (Retryable, "connection-reset")


def interrupted(url: str) -> None:
    request = Request(provider="p", url=url, headers={}, body=b"", idle=5.0)
    with post(request, Deadline.after(10)) as answer:
        assert list(answer.chunks())
        raise ZeroDivisionError


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_connection_is_closed_whatever_happens() -> None:
    before = descriptors()
    for whole in (OK, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", b""):
        with serving(says(whole)) as port, pytest.raises((ZeroDivisionError, Retryable)):
            interrupted(f"http://127.0.0.1:{port}/")
    with pytest.raises(NotConnected):
        connected("http://127.0.0.1:1/", Waits(connect=1.0, silence=1.0)).__enter__()
    assert descriptors() == before
