"""How a connection ends whose client has sent more than was read, or nothing more; and that TLS ends like the rest."""

import asyncio
import socket
import ssl

import pytest

from fakes.script import Broken, Cut, Framing, Match, Reset, Rule, Script, Stall, Text, Truncate
from tests.fakes.reading import drained

ANSWER = Text("x" * 1000, chunks=4)
LONG = "x" * 9_000_000  # more than the kernel takes at once
GATE = "until-all-is-sent"


def one(reply) -> Script:
    return Script((Rule("only", Match(marker="first"), (reply,)), Rule("rest", Match(), (Text("ok"),))))


@pytest.mark.parametrize(
    "reply",
    [
        Broken(answer=ANSWER, cut=Cut("frame", 3, "fin"), gate=GATE),
        Broken(answer=ANSWER, cut=Cut("frame", 3, "end"), gate=GATE),
        Broken(answer=ANSWER, cut=Cut("status", 0, "fin"), gate=GATE),
        Broken(answer=ANSWER, framing=Framing(length=5), gate=GATE),
    ],
    ids=["fin", "end", "status", "length"],
)
def test_a_fin_is_no_reset_when_more_requests_wait_than_were_read(serve_on_both, post, ask, reply):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        path, more = ask("anthropic", "x" * 50_000)
        first = post(*ask("anthropic", "[[first]]", stream=True))
        writer.write(first + post(path, more) * 400)  # 20 MB: the kernels' buffers and the queue are full
        await served.fakes.wait_held(GATE, 1)
        served.fakes.release(GATE)
        received, end = await drained(reader)
        writer.transport.abort()
        (sent,) = served.of("ReplySent")
        assert (end, len(received)) == ("fin", sent.bytes)

    serve_on_both(one(reply), body)


@pytest.mark.parametrize(
    ("reply", "end", "outcome"),
    [
        (Text(LONG), "fin", "complete"),
        (Truncate(after_bytes=len(LONG), answer=Text(LONG)), "fin", "truncated"),
        (Reset(after_bytes=len(LONG), answer=Text(LONG)), "reset", "reset"),
    ],
    ids=["whole", "cut", "reset"],
)
def test_a_client_that_half_closes_gets_what_is_on_its_way(serve_on_both, post, ask, reply, end, outcome):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port, limit=1000)
        writer.write(post(*ask("anthropic", "[[first]]")))
        await served.until("RequestReceived")
        writer.write_eof()
        received, ended = await drained(reader)
        await served.until("ReplySent")
        (sent,) = served.of("ReplySent")
        assert (ended, sent.outcome, len(received)) == (end, outcome, sent.bytes)
        writer.close()

    serve_on_both(one(reply), body)


@pytest.mark.parametrize("reply", [Text(LONG), Reset(after_bytes=200_000, answer=Text(LONG))], ids=["whole", "reset"])
def test_a_client_that_half_closes_and_then_leaves_is_gone(serve_on_both, post, ask, reply):
    async def body(served):
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the smallest that the kernel gives
        narrow.connect(("127.0.0.1", served.fakes.port))
        reader, writer = await asyncio.open_connection(sock=narrow, limit=1000)
        writer.write(post(*ask("anthropic", "[[first]]")))
        await reader.read(1)
        writer.write_eof()
        await reader.read(1000)
        writer.transport.abort()
        await served.until("ReplySent")
        assert served.of("ReplySent")[0].outcome == "client-gone"

    serve_on_both(one(reply), body)


async def secured(fakes, *, tunnel: bool):
    """A TLS connection to the fakes, at a port of its own or through CONNECT."""
    context = ssl.create_default_context(cadata=fakes.ca_pem.decode())
    if not tunnel:
        return await asyncio.open_connection("127.0.0.1", fakes.tls_port, ssl=context)
    reader, writer = await asyncio.open_connection("127.0.0.1", fakes.port)
    writer.write(b"CONNECT api.anthropic.com:443 HTTP/1.1\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await writer.start_tls(context, server_hostname="api.anthropic.com")
    return reader, writer


@pytest.mark.parametrize("tunnel", [False, True], ids=["direct", "tunnel"])
@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Broken(answer=ANSWER, cut=Cut("frame", 3, "fin"), gate=GATE), "truncated"),
        (Broken(answer=ANSWER, cut=Cut("frame", 3, "reset"), gate=GATE), "reset"),
        (Broken(answer=ANSWER, cut=Cut("status", 0, "fin"), delay=0.01), "truncated"),
        (Broken(answer=ANSWER, cut=Cut("headers", 0, "fin"), delay=0.01), "truncated"),
        (Stall(after_frames=2, gate=GATE), "held-then-dropped"),
        (Text("abc", chunks=3, pace=0.01), "complete"),
        (Text("abc", gate=GATE), "complete"),
    ],
    ids=["fin", "reset", "status", "headers", "stall", "paced", "gate"],
)
def test_what_is_sent_late_through_tls_ends_without_the_client(serve_on_both, post, ask, reply, outcome, tunnel):
    async def body(served):
        reader, writer = await secured(served.fakes, tunnel=tunnel)
        writer.write(post(*ask("anthropic", "[[first]]", stream=True)))
        if GATE in str(reply):
            await served.fakes.wait_held(GATE, 1)
            served.fakes.release(GATE)
        await served.until("ReplySent")
        (sent,) = served.of("ReplySent")
        assert sent.outcome == outcome
        if outcome == "complete":
            assert (await reader.readexactly(sent.bytes)).endswith(b"0\r\n\r\n")
        else:
            received, _ = await drained(reader)
            assert len(received) == sent.bytes
        writer.transport.abort()

    serve_on_both(one(reply), body, tls=True)
