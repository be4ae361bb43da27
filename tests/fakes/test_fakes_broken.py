"""Replies that go wrong: each way by itself, by hand; then seeds that combine them, against bench's oracle."""

import asyncio
import json
import time

import pytest

from bench.fault_runs import one as run_seed
from fakes.broken import Altered, Cut, Framing, Reading
from fakes.chaos import drawn
from fakes.events import digest
from fakes.layout import Content, lay_out
from fakes.script import Broken, Match, Rule, Script, ScriptError, Status, Text

CLOSE = "connection: close"
HEAD = b"HTTP/1.1 200 OK\r\ndate: now\r\n"
FRAMES = (b'data: {"a":1}\n\n', 'data: {"b":"ü"}\n\n'.encode(), b"data: [DONE]\n\n")


def wire(*, cut=None, altered=(), framing=None, streamed=True, chunked=True, frames=FRAMES):
    content = Content(head=HEAD, frames=frames, streamed=streamed, chunked=chunked)
    pieces = lay_out(content, framing=framing or Framing(), altered=altered, cut=cut)
    return b"".join(piece.data for piece in pieces), sum(piece.frames for piece in pieces)


OPEN = HEAD + b"transfer-encoding: chunked\r\n\r\n"
CHUNKS = (
    b'f\r\ndata: {"a":1}\n\n\r\n',
    '12\r\ndata: {"b":"ü"}\n\n\r\n'.encode(),
    b"e\r\ndata: [DONE]\n\n\r\n",
)
LAST = b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("cut", "sent", "frames"),
    [
        (None, OPEN + b"".join(CHUNKS) + LAST, 3),
        (Cut("status"), b"", 0),
        (Cut("headers"), OPEN, 0),
        (Cut("frame", 0), OPEN, 0),
        (Cut("frame", 2), OPEN + CHUNKS[0] + CHUNKS[1], 2),
        (Cut("frame", 99), OPEN + CHUNKS[0] + CHUNKS[1], 2),
        (Cut("half-frame", 1), OPEN + CHUNKS[0] + b'12\r\ndata: {"b', 1),
        (Cut("body", 15), OPEN + CHUNKS[0], 1),
        (Cut("body", 16), OPEN + CHUNKS[0] + b"12\r\nd", 1),
        (Cut("body", 9999), OPEN + CHUNKS[0] + CHUNKS[1] + b"e\r\ndata: [DONE]\n", 2),
        (Cut("byte", 0), b"", 0),
        (Cut("byte", 10), b"HTTP/1.1 2", 0),
        (Cut("byte", len(OPEN) + 1), OPEN + b"f", 0),
        (Cut("byte", 9999), OPEN + b"".join(CHUNKS) + LAST[:-1], 3),
        (Cut("frame", 1, "end"), OPEN + CHUNKS[0] + LAST, 1),
        (Cut("body", 16, "end"), OPEN + CHUNKS[0] + b"1\r\nd\r\n" + LAST, 1),
        (Cut("headers", 0, "end"), OPEN + LAST, 0),
    ],
)
def test_where_a_cut_falls(cut, sent, frames):
    assert wire(cut=cut) == (sent, frames)


@pytest.mark.parametrize(
    ("altered", "content"),
    [
        ((Altered(0, "duplicate"),), FRAMES[0] * 2 + FRAMES[1] + FRAMES[2]),
        ((Altered(-1, "drop"),), FRAMES[0] + FRAMES[1]),
        ((Altered(0, "drop"), Altered(0, "drop")), FRAMES[2]),
        ((Altered(0, "bad-json"),), b'data: {"a":1\n\n' + FRAMES[1] + FRAMES[2]),
        ((Altered(99, "unknown-event"),), FRAMES[0] + FRAMES[1] + b'data: {"type":"fake.unknown"}\n\n' + FRAMES[2]),
        ((Altered(1, "comment"),), FRAMES[0] + b": keep-alive\n\n" + FRAMES[1] + FRAMES[2]),
        ((Altered(0, "drop"),) * 4, b""),
    ],
)
def test_altered_frames(altered, content):
    sent, _ = wire(altered=altered, chunked=False)
    assert sent == HEAD + b"\r\n" + content


def test_an_unknown_event_has_a_name_where_the_others_have_one():
    sent, _ = wire(altered=(Altered(0, "unknown-event"),), chunked=False, frames=(b"event: a\ndata: {}\n\n",))
    assert sent.endswith(b'event: fake.unknown\ndata: {"type":"fake.unknown"}\n\nevent: a\ndata: {}\n\n')


@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        (Framing(newline="crlf"), b'11\r\ndata: {"a":1}\r\n\r\n\r\n'),
        (Framing(newline="cr"), b'f\r\ndata: {"a":1}\r\r\r\n'),
        (Framing(pieces="whole"), b'f\r\ndata: {"a":1}\n\n\r\n'),
        (Framing(pieces="byte"), b"".join(b"1\r\n%c\r\n" % byte for byte in FRAMES[0])),
    ],
)
def test_framing(framing, sent):
    assert wire(framing=framing, frames=FRAMES[:1]) == (OPEN + sent + LAST, 1)


def test_characters_are_split_between_chunks():
    sent, frames = wire(framing=Framing(pieces="utf8"), frames=FRAMES[1:2])
    assert sent == OPEN + b'd\r\ndata: {"b":"\xc3\r\n5\r\n\xbc"}\n\n\r\n' + LAST
    assert frames == 1


@pytest.mark.parametrize(("off", "said"), [(7, 17), (-4, 6), (-99, 0)])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_wrong_content_length(off, said, streamed):
    sent, _ = wire(framing=Framing(length=off), frames=(b"data: 12\n\n",), streamed=streamed)
    assert sent == HEAD + b"content-length: %d\r\n\r\ndata: 12\n\n" % said


@pytest.mark.parametrize(
    "make",
    [
        lambda: Cut("middle"),
        lambda: Cut("frame", -1),
        lambda: Cut("frame", True),
        lambda: Cut("frame", 1, "bang"),
        lambda: Cut("byte", 1, "end"),
        lambda: Cut("frame", 1, "stall", ""),
        lambda: Altered(0, "shout"),
        lambda: Altered(0.5, "drop"),
        lambda: Framing(newline="\n"),
        lambda: Framing(pieces="word"),
        lambda: Framing(length=1.5),
        lambda: Reading(size=0, every=1.0),
        lambda: Reading(size=1, every=-1.0),
        lambda: Broken(delay=-1.0),
        lambda: Broken(altered=[Altered(0, "drop")]),
        lambda: Broken(answer=Broken()),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(ScriptError, match="must be"):
        make()


@pytest.mark.parametrize("seed", range(60))
def test_seeded_faults_deliver_exactly_the_scripted_bytes(seed):
    """`python -m bench fault-runs` runs a thousand."""
    assert asyncio.run(run_seed(seed)) == asyncio.run(run_seed(seed)), "the same seed, the same journal"


def test_seeds_differ_and_reach_every_kind_of_fault():
    faults = [drawn(seed) for seed in range(300)]
    assert len({repr(fault) for fault in faults}) > 290
    assert {fault.cut.ending for fault in faults if fault.cut} == {"fin", "reset", "stall", "end"}
    assert {fault.framing.pieces for fault in faults} == {"frame", "whole", "utf8", "byte"}


def one(reply, **options):
    return Script((Rule("only", Match(), (reply,)),), **options)


@pytest.mark.parametrize("retry", [(), (("retry-after", "7"),)])
@pytest.mark.parametrize("code", [429, 503])
def test_a_status_may_be_cut_too(serve_on_both, talk, post, ask, code, retry):
    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask("anthropic"), CLOSE))
        head, _, rest = raw.partition(b"\r\n\r\n")
        assert (raw[:12], end) == (b"HTTP/1.1 %d" % code, "reset")
        assert (b"retry-after: 7" in head) == bool(retry)
        assert len(rest) == 10

    reply = Broken(answer=Status(code, headers=retry), cut=Cut("body", 10, "reset"))
    events = serve_on_both(one(reply), body)
    assert (events[-1].status, events[-1].reply, events[-1].outcome) == (code, "broken", "reset")
    assert (events[-1].sizes[-1], len(events[-1].sizes)) == (10, 2)


def test_a_stall_waits_at_its_own_gate_after_its_bytes(serve_on_both, post, ask):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post(*ask("codex", stream=True)))
        await served.fakes.wait_held("here", 1)
        assert (await reader.readexactly(20))[:12] == b"HTTP/1.1 200"
        served.fakes.release("here")
        assert await reader.read() == b""
        writer.close()

    events = serve_on_both(one(Broken(cut=Cut("byte", 20, "stall", "here"))), body)
    assert (events[-1].outcome, events[-1].bytes, events[-1].sizes) == ("held-then-dropped", 20, (20,))


def test_a_client_that_gives_up_on_a_stall(serve_on_both, post, ask):
    async def body(served):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post(*ask("codex", stream=True)))
        await served.fakes.wait_held("stall", 1)
        got = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await served.until("ReplySent")
        last = served.of("ReplySent")[0]
        assert (last.sizes, last.digests) == ((len(got),), (digest(got),))

    events = serve_on_both(one(Broken(cut=Cut("headers", 0, "stall"))), body)
    assert events[-1].outcome == "client-gone"


def test_a_slow_first_byte(serve_on_both, talk, post, ask):
    async def body(served):
        began = time.monotonic()
        raw, _ = await talk(served.fakes.port, post(*ask("gemini"), CLOSE))
        assert time.monotonic() - began >= 0.15
        assert raw.startswith(b"HTTP/1.1 200 ")

    serve_on_both(one(Broken(answer=Text("late"), delay=0.15)), body)


def test_a_delay_before_a_cut_at_the_status(serve_on_both, talk, post, ask):
    async def body(served):
        began = time.monotonic()
        assert await talk(served.fakes.port, post(*ask("gemini"), CLOSE)) == (b"", "reset")
        assert time.monotonic() - began >= 0.15

    events = serve_on_both(one(Broken(cut=Cut("status", 0, "reset"), delay=0.15)), body)
    assert (events[-1].status, events[-1].sizes) == (0, ())


def test_a_paced_reply_keeps_its_pace_when_it_is_cut(serve_on_both, talk, post, ask):
    async def body(served):
        began = time.monotonic()
        raw, end = await talk(served.fakes.port, post(*ask("anthropic", stream=True)))
        assert time.monotonic() - began >= 0.04 * 3
        assert (raw.count(b"event: "), end) == (4, "fin")

    reply = Broken(answer=Text("abcdef", chunks=6, pace=0.04), cut=Cut("frame", 4))
    events = serve_on_both(one(reply), body)
    assert (events[-1].frames, len(events[-1].sizes)) == (4, 5)


@pytest.mark.parametrize(("off", "outcome"), [(9, "truncated"), (-9, "complete")])
def test_a_wrong_content_length_closes_the_connection(serve_on_both, talk, post, ask, off, outcome):
    async def body(served):
        raw, end = await talk(served.fakes.port, post(*ask("gemini")))
        head, _, rest = raw.partition(b"\r\n\r\n")
        said = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert (said - len(rest), end) == (off, "fin")
        json.loads(rest)

    events = serve_on_both(one(Broken(answer=Text("x"), framing=Framing(length=off))), body)
    assert events[-1].outcome == outcome


def test_altered_frames_leave_the_connection_open(serve_on_both, talk, post, ask):
    async def body(served):
        first = post(*ask("codex", stream=True))
        raw, _ = await talk(served.fakes.port, first + post(*ask("codex", stream=True), CLOSE))
        assert raw.count(b"HTTP/1.1 200 OK") == 2
        assert b"response.completed" not in raw

    events = serve_on_both(one(Broken(answer=Text("x"), altered=(Altered(-1, "drop"),))), body)
    assert [event.outcome for event in events if type(event).__name__ == "ReplySent"] == ["complete"] * 2


def test_requests_are_read_slowly(serve_on_both, talk, post, ask):
    async def body(served):
        began = time.monotonic()
        path, data = ask("codex", "x" * 40_000)
        raw, _ = await talk(served.fakes.port, post(path, data, CLOSE))
        assert time.monotonic() - began >= 0.01 * (40_000 // 4096)
        assert raw.startswith(b"HTTP/1.1 200 ")
        served.fakes.set_script(one(Text("ok")))
        raw, _ = await talk(served.fakes.port, post(*ask("codex"), CLOSE))
        assert raw.startswith(b"HTTP/1.1 200 ")

    serve_on_both(one(Text("ok"), reading=Reading(size=4096, every=0.01)), body)


def test_a_client_that_leaves_while_it_is_read_slowly(serve_on_both, post, ask):
    async def body(served):
        _, writer = await asyncio.open_connection("127.0.0.1", served.fakes.port)
        writer.write(post(*ask("codex", "[[gone]]")))
        await served.until("RequestReceived")
        writer.close()
        await served.until("ReplySent")

    script = Script(
        (Rule("r", Match(), (Broken(cut=Cut("status", 0, "stall")),)),), reading=Reading(size=16, every=0.001)
    )
    events = serve_on_both(script, body)
    assert (events[0].marker, events[-1].outcome) == ("gone", "client-gone")


def test_a_script_file_says_all_of_it(tmp_path):
    path = tmp_path / "script.toml"
    path.write_text(
        """
        reading = { size = 100, every = 0.5 }
        [[rules]]
        name = "r"
        [[rules.replies]]
        kind = "broken"
        answer = { kind = "text", text = "x" }
        cut = { where = "half-frame", count = 2, ending = "reset" }
        altered = [ { frame = -1, how = "drop" } ]
        framing = { newline = "crlf", pieces = "utf8" }
        delay = 1.5
        """
    )
    broken = Broken(
        answer=Text("x"),
        cut=Cut("half-frame", 2, "reset"),
        altered=(Altered(-1, "drop"),),
        framing=Framing(newline="crlf", pieces="utf8"),
        delay=1.5,
    )
    script = Script.load(path)
    assert script.rules[0].replies == (broken,)
    assert script.reading == Reading(size=100, every=0.5)
    path.write_text(path.read_text().replace("half-frame", "anywhere"))
    with pytest.raises(ScriptError, match=r"rules\[0\].replies\[0\].cut.where: must be one of"):
        Script.load(path)
