"""A loopback server that answers byte by byte as a test says, and pieces of three providers' answers."""

from __future__ import annotations

import json
import signal
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from reference import stopping
from reference.auth import Credentials
from reference.cooldowns import Cooldowns
from reference.deadline import Deadline
from reference.home import Home

BOUND = 20.0

Act = Callable[["Server", socket.socket, "Seen"], None]


@dataclass
class Seen:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """Answers each path with its queue of acts; the last one stays."""

    acts: dict[str, list[Act]] = field(default_factory=lambda: defaultdict(list))
    seen: list[Seen] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def on(self, path: str, *acts: Act) -> None:
        self.acts[path] += acts

    def paths(self) -> list[str]:
        with self.arrived:
            return [seen.path for seen in self.seen]

    def wait_for(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.seen) >= count, BOUND), self.paths()

    def close(self) -> None:
        self.released.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            seen = _read_request(connection)
            if seen is None:
                return
            with self.arrived:
                self.seen.append(seen)
                queue = self.acts[seen.path.partition("?")[0]]
                act = (queue.pop(0) if len(queue) > 1 else queue[0]) if queue else answer(404, {"error": "no act"})
                self.arrived.notify_all()
            try:
                act(self, connection, seen)
            except (BrokenPipeError, ConnectionResetError):
                return


def _read_request(connection: socket.socket) -> Seen | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Seen(first.split(" ")[1], headers, body)


def whole_answer(status: int, body: Any, headers: dict[str, str] | None = None) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Act:
    """A whole answer with a JSON body."""
    whole = whole_answer(status, body, headers)
    return lambda server, connection, seen: connection.sendall(whole)


STREAM_HEAD = b"HTTP/1.1 %d X\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def stream(*frames: bytes, end: str = "whole", status: int = 200) -> Act:
    """A chunked stream that ends whole, clean (terminated, but early), cut, reset or stalled."""

    def act(server: Server, connection: socket.socket, seen: Seen) -> None:
        connection.sendall(STREAM_HEAD % status + b"".join(chunk(frame) for frame in frames))
        if end in ("whole", "clean"):
            connection.sendall(b"0\r\n\r\n")
        elif end == "reset":
            reset(connection)
        elif end == "stall":
            server.released.wait(BOUND)

    return act


def reset(connection: socket.socket) -> None:
    """Close with RST: linger for no time (socket(7), SO_LINGER)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drop(server: Server, connection: socket.socket, seen: Seen) -> None:
    """Close without a word."""


def hang(server: Server, connection: socket.socket, seen: Seen) -> None:
    """Accept and say nothing until the test is over."""
    server.released.wait(BOUND)


class TokenEndpoint:
    """A strict authorization server: each refresh token is good once, and every redemption is written down.

    `faults` are taken one per request: "drop" commits and closes without an answer, "cut" commits and sends
    half of it, "500-after" commits and fails, a number fails with that status before anything is committed,
    and "hold" commits when the server is released.
    """

    def __init__(self, expires_in: object = 3600) -> None:
        self.live = "rt-0"
        self.count = 0
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.expires_in = expires_in
        self.lock = threading.Lock()

    def __call__(self, server: Server, connection: socket.socket, seen: Seen) -> None:
        form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        with self.lock:
            self.asked.append(form["refresh_token"])
            fault = self.faults.pop(0) if self.faults else ""
        if fault.isdigit():
            return answer(int(fault), {"error": "temporarily_unavailable"})(server, connection, seen)
        if fault == "hold":
            server.released.wait(BOUND)
        whole = self._redeem(form)
        if fault == "500-after":
            return answer(500, {})(server, connection, seen)
        if fault != "drop":
            connection.sendall(whole[: len(whole) // 2] if fault == "cut" else whole)
        return None

    def _redeem(self, form: dict[str, str]) -> bytes:
        with self.lock:
            if form["refresh_token"] != self.live or form["grant_type"] != "refresh_token":
                return whole_answer(401, {"error": {"code": "refresh_token_reused", "message": "used"}})
            self.count += 1
            self.live = f"rt-{self.count}"
            tokens = {
                "access_token": f"at-{self.count}",
                "refresh_token": self.live,
                "expires_in": self.expires_in,
            }
            return whole_answer(200, tokens)


def event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def data_only(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _claude(text: str, tool: dict[str, Any] | None) -> list[bytes]:
    if tool:
        block: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "exec", "input": {}}
        half = len(json.dumps(tool)) // 2
        parts = [json.dumps(tool)[:half], json.dumps(tool)[half:]]
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    else:
        block = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": part} for part in (text[:2], text[2:])]
    stop = "tool_use" if tool else "end_turn"
    return [
        event("message_start", {"type": "message_start", "message": {"usage": {"input_tokens": 3}}}),
        event("content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}),
        event("ping", {"type": "ping"}),
        *[
            event("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta})
            for delta in deltas
        ],
        event("content_block_stop", {"type": "content_block_stop", "index": 0}),
        event(
            "message_delta",
            {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 1}},
        ),
        event("message_stop", {"type": "message_stop"}),
    ]


def _gemini(text: str, tool: dict[str, Any] | None) -> list[bytes]:
    last: dict[str, Any] = {"text": text[2:]}
    if tool:
        last = {"functionCall": {"name": "exec", "args": tool}}
    first = [] if tool else [data_only({"candidates": [{"content": {"parts": [{"text": text[:2]}]}}]})]
    final = {
        "candidates": [{"content": {"parts": [last]}, "finishReason": "STOP"}],
        "usageMetadata": {"totalTokenCount": 4},
    }
    return [*first, data_only(final)]


def _codex(text: str, tool: dict[str, Any] | None) -> list[bytes]:
    item: dict[str, Any] = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text}],
    }
    if tool:
        item = {"type": "function_call", "call_id": "call_1", "name": "exec", "arguments": json.dumps(tool)}
    kinds = [
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_text.delta", "delta": text},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"usage": {"total_tokens": 4}}},
    ]
    return [event(str(kind["type"]), kind) for kind in kinds]


@dataclass(frozen=True)
class Format:
    """One provider's way to be configured and to answer."""

    name: str
    api: str
    base: str
    path: str
    frames: Callable[[str, dict[str, Any] | None], list[bytes]]

    @property
    def model(self) -> str:
        return f"{self.name}/m"

    def config(self, server: Server, **more: Any) -> dict[str, Any]:
        base = {
            "api": self.api,
            "baseUrl": server.url + self.base,
            "apiKey": f"key-of-{self.name}",
            "idleSeconds": 0.5,
        }
        return {**base, **more}

    def reply(self, text: str = "hello", tool: dict[str, Any] | None = None) -> Act:
        return stream(*self.frames(text, tool))


ANTHROPIC = Format("anthropic", "anthropic-messages", "", "/v1/messages", _claude)
GEMINI = Format("gemini", "google-generative-ai", "/v1beta", "/v1beta/models/m:streamGenerateContent", _gemini)
CODEX = Format("codex", "openai-codex-responses", "/backend-api", "/backend-api/codex/responses", _codex)


class Kit:
    """The pieces above, for tests, which cannot import this file."""

    answer = staticmethod(answer)
    stream = staticmethod(stream)
    event = staticmethod(event)
    data_only = staticmethod(data_only)
    drop = staticmethod(drop)
    hang = staticmethod(hang)
    anthropic = ANTHROPIC
    gemini = GEMINI
    codex = CODEX
    formats = (ANTHROPIC, GEMINI, CODEX)


@pytest.fixture(autouse=True)
def forget_deadlines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A deadline that has passed arms the timer that ends a stuck program; here that would be pytest."""
    monkeypatch.setattr(stopping._State, "code", "")
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def endpoint(server: Server) -> TokenEndpoint:
    endpoint = TokenEndpoint()
    server.on("/token", endpoint)
    return endpoint


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


@pytest.fixture(params=[ANTHROPIC, GEMINI, CODEX], ids=lambda wire: wire.name)
def wire(request: pytest.FixtureRequest) -> Format:
    wire: Format = request.param
    return wire


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(str(tmp_path / "home")).make()


@pytest.fixture
def cooldowns(home: Home) -> Cooldowns:
    return Cooldowns(home)


@pytest.fixture
def credentials(home: Home) -> Credentials:
    return Credentials(home)


@pytest.fixture
def deadline() -> Deadline:
    return Deadline.after(BOUND)
