"""Vendor names through CONNECT and direct TLS, with real TLS clients and the instance's own CA."""

import asyncio
import contextlib
import ssl

import httpx
import pytest

from fakes.script import Match, Reset, Rule, Script, Stall, Text, Truncate
from fakes.wire.tls import SERVED_HOSTS, host_and_port

OK = Script((Rule("r", Match(), (Text("through tls", chunks=3),)),))


@pytest.fixture
def serve(serve_on_both):
    """Transports differ between the event loops, so all of this runs on both."""
    return serve_on_both


def trusting(served) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=served.fakes.ca_pem.decode())


def client(served) -> httpx.AsyncClient:
    return httpx.AsyncClient(proxy=served.fakes.url, verify=trusting(served))


def test_a_full_turn_and_a_refresh_through_connect(serve, ask):
    async def body(served):
        seeded = served.fakes.oauth.seed("f", account="a")
        async with client(served) as http:
            path, data = ask("anthropic", "[[tls]]", stream=True)
            reply = await http.post(f"https://api.anthropic.com{path}", json=data)
            assert reply.status_code == 200
            assert reply.text.endswith('data: {"type":"message_stop"}\n\n')
            form = {"grant_type": "refresh_token", "client_id": served.fakes.oauth.settings.client_id}
            form["refresh_token"] = seeded.refresh_token
            reply = await http.post("https://auth.openai.com/oauth/token", data=form)
            assert reply.status_code == 200

    events = serve(OK, body)
    assert [e.marker for e in events if type(e).__name__ == "RequestReceived"] == ["tls", ""]


@pytest.mark.parametrize("host", SERVED_HOSTS)
def test_every_served_name_has_a_certificate(serve, host):
    async def body(served):
        async with client(served) as http:
            assert (await http.get(f"https://{host}/v1/models")).status_code == 200

    serve(OK, body)


@pytest.mark.parametrize("url", ["https://example.com/", "https://api.openai.com:8443/", "https://[2001:db8::1]/"])
def test_other_hosts_are_refused_and_recorded(serve, url):
    async def body(served):
        async with client(served) as http:
            with pytest.raises(httpx.ProxyError, match="403"):
                await http.get(url)

    events = serve(OK, body)
    parts = httpx.URL(url)
    assert [type(event).__name__ for event in events] == ["ConnectionRefusedHost"]
    assert (events[0].host, events[0].port) == (parts.host, parts.port or 443)


def test_the_models_path_follows_the_host(serve):
    async def body(served):
        async with client(served) as http:
            assert "has_more" in (await http.get("https://api.anthropic.com/v1/models")).json()
            assert "object" in (await http.get("https://api.openai.com/v1/models")).json()
            google = await http.get("https://generativelanguage.googleapis.com/v1/models")
            assert "models" in google.json()

    serve(OK, body)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Reset(), (httpx.ReadError, httpx.RemoteProtocolError)),
        (Reset(after_frames=2), (httpx.ReadError, httpx.RemoteProtocolError)),
        (Truncate(after_frames=2), (httpx.ReadError, httpx.RemoteProtocolError)),
    ],
)
def test_faults_work_inside_tls(serve, ask, fault, error):
    async def body(served):
        async with client(served) as http:
            path, data = ask("codex", stream=True)
            with pytest.raises(error):
                await http.post(f"https://api.openai.com{path}", json=data)

    events = serve(Script((Rule("r", Match(), (fault,)),)), body)
    assert events[-1].outcome == ("truncated" if isinstance(fault, Truncate) else "reset")


def test_a_client_that_does_not_trust_the_ca_leaves_nothing_behind(serve):
    async def body(served):
        async with httpx.AsyncClient(proxy=served.fakes.url) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get("https://chatgpt.com/")

    serve(OK, body)


def test_closing_while_a_handshake_and_a_held_reply_are_open(serve, ask):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(b"CONNECT chatgpt.com:443 HTTP/1.1\r\nhost: chatgpt.com:443\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        async with client(served) as http:
            path, data = ask("codex")
            turn = asyncio.ensure_future(http.post(f"https://api.openai.com{path}", json=data))
            await served.fakes.wait_held("stall", 1)
            await served.fakes.close()
            with pytest.raises(httpx.HTTPError):
                await turn
        writer.close()

    events = serve(Script((Rule("r", Match(), (Stall(),)),)), body)
    assert events[-1].outcome == "held-then-dropped"


@pytest.mark.parametrize("sent", [b"", bytes.fromhex("16030100c8010000c4")], ids=["nothing", "half-a-hello"])
def test_closing_while_clients_of_direct_tls_have_not_shaken_hands(serve, sent):
    async def body(served):
        slow = [await asyncio.open_connection("127.0.0.1", served.fakes.tls_port) for _ in range(3)]
        for _, writer in slow:
            writer.write(sent)
        async with httpx.AsyncClient(verify=trusting(served)) as http:  # accepted after them
            assert (await http.get(f"https://127.0.0.1:{served.fakes.tls_port}/v1/models")).status_code == 200
        await served.fakes.close()
        for reader, writer in slow:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()

    serve(OK, body, tls=True)


def test_nonsense_instead_of_a_handshake(serve, talk):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(b"CONNECT chatgpt.com:443 HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"this is no client hello, and quite long enough to show that\r\n\r\n")
        await reader.read()
        writer.close()
        raw, _ = await talk(served.fakes.port, b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert b" 200 " in raw

    serve(OK, body)


def test_bytes_sent_before_the_tunnel_stands_are_refused(serve, talk):
    async def body(served):
        eager = b"CONNECT chatgpt.com:443 HTTP/1.1\r\n\r\n\x16\x03\x01\x00\x05hello"
        raw, end = await talk(served.fakes.port, eager)
        assert (raw[:13], end) == (b"HTTP/1.1 400 ", "fin")

    serve(OK, body)


def test_direct_tls_for_redirected_addresses(serve):
    async def body(served):
        context = trusting(served)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", served.fakes.tls_port, ssl=context, server_hostname="auth.openai.com"
        )
        writer.write(b"GET /v1/models HTTP/1.1\r\nhost: auth.openai.com\r\nconnection: close\r\n\r\n")
        assert b'"object":"list"' in await reader.read()
        writer.close()
        await writer.wait_closed()

    serve(OK, body, tls=True)


def test_without_tls_no_certificate_is_made(serve, talk, post, ask):
    async def body(served):
        await talk(served.fakes.port, post(*ask("codex"), "connection: close"))
        assert served.fakes.tls_port == 0

    from fakes.wire.tls import Authority

    made = []
    original = Authority._make
    Authority._make = lambda self: made.append(1) or original(self)
    try:
        serve(OK, body)
    finally:
        Authority._make = original
    assert made == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("A.b:1", ("a.b", 1)),
        ("a.b", ("a.b", 443)),
        ("[::1]:5", ("::1", 5)),
        ("[::1]", ("::1", 443)),
        ("a.:9", ("a", 9)),
        ("user:pass@word@a:9", ("a", 9)),
    ],
)
def test_host_and_port(text, parts):
    assert host_and_port(text, 443) == parts


@pytest.mark.parametrize("text", ["a:x", "a:0", "a:99999", "a:4_43", "a:+443", "a: 443"])
def test_wrong_ports(text):
    with pytest.raises(ValueError, match="port"):
        host_and_port(text, 443)


async def asked_twice(host, port, context=None, name=None):
    """Two requests on one connection; their statuses."""
    reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    found = []
    for _ in range(2):
        writer.write(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
        found.append(head[:12])
    writer.close()
    await writer.wait_closed()
    return found


def test_connections_are_kept_on_both_loopbacks_with_and_without_tls(serve):
    async def body(served):
        context, fakes = trusting(served), served.fakes
        good = [b"HTTP/1.1 200"] * 2
        assert await asked_twice("127.0.0.1", fakes.port) == good
        assert await asked_twice("::1", fakes.port6) == good
        assert await asked_twice("127.0.0.1", fakes.tls_port, context, "localhost") == good
        assert await asked_twice("::1", fakes.tls_port6, context, "chatgpt.com") == good

    events = serve(OK, body, tls=True, both_loopbacks=True)
    ports = [event.peer_port for event in events if type(event).__name__ == "RequestReceived"]
    assert len(set(ports)) == 4
    assert all(ports.count(port) == 2 for port in ports)


def test_two_hundred_connections_end_with_the_server(serve):
    async def body(served):
        context, fakes = trusting(served), served.fakes
        plain = [await asyncio.open_connection("127.0.0.1", fakes.port) for _ in range(180)]
        secured = [
            await asyncio.open_connection("127.0.0.1", fakes.tls_port, ssl=context, server_hostname="localhost")
            for _ in range(20)
        ]
        await fakes.close()
        for reader, writer in plain + secured:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()

    serve(OK, body, tls=True)
