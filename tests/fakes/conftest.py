"""What the tests of the fakes share: a server that must leave nothing behind, and a raw client."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop

from fakes.script import Script
from fakes.server import Fakes

LIMIT = 120.0  # seconds; it ends what hangs, however busy the machine is


@dataclass(slots=True)
class Served:
    """Running fakes and what they recorded."""

    fakes: Fakes
    events: list[Any]
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if type(event).__name__ == kind]

    async def until(self, kind: str, count: int = 1) -> None:
        """Return when so many records of a kind are there."""
        while len(self.of(kind)) < count:
            self.news.clear()
            await self.news.wait()


Body = Callable[[Served], Awaitable[None]]


def sockets() -> set[str]:
    """The sockets this process holds."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            name = str(entry.readlink())
        except OSError:
            continue
        if name.startswith("socket:"):
            found.add(name)
    return found


async def _served(script: Script, body: Body, options: dict[str, Any]) -> list[Any]:
    events: list[Any] = []
    news = asyncio.Event()

    def record(event: object) -> None:
        events.append(event)
        news.set()

    before = sockets()
    async with asyncio.timeout(LIMIT):
        async with Fakes(script, record=record, **options) as fakes:
            await body(Served(fakes, events, news))
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left after close: {left}"
        # The client's own sockets close in the loop's next turns; the kernel tells nobody of that.
        while sockets() - before:  # noqa: ASYNC110
            await asyncio.sleep(0)
    return events


def _server_on(factory: Callable[[], asyncio.AbstractEventLoop]) -> Callable[..., list[Any]]:
    def run(script: Script, body: Body, **options: Any) -> list[Any]:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(_served(script, body, options))

    return run


@pytest.fixture
def serve() -> Callable[..., list[Any]]:
    """Run a body against fakes; returns what was recorded, close included."""
    return _server_on(asyncio.new_event_loop)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def serve_on_both(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """The same on each event loop, for what depends on the transport."""
    return _server_on(request.param)


@pytest.fixture
def asking(serve: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Run a body with an HTTP client of fakes that play a script, and with the fakes; returns what was recorded."""

    def run(script: Script, body: Callable[[httpx.AsyncClient, Served], Awaitable[None]]) -> list[Any]:
        async def with_client(served: Served) -> None:
            async with httpx.AsyncClient(base_url=served.fakes.url, timeout=LIMIT) as client:
                await body(client, served)

        return serve(script, with_client)

    return run


async def _talk(port: int, data: bytes) -> tuple[bytes, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received, end = b"", "fin"
    try:
        writer.write(data)
        while part := await reader.read(65536):
            received += part
    except ConnectionResetError:
        end = "reset"
    finally:
        writer.close()
    return received, end


@pytest.fixture
def talk() -> Callable[[int, bytes], Awaitable[tuple[bytes, str]]]:
    """Send bytes, read to the end: the bytes received and whether they ended by "fin" or "reset"."""
    return _talk


def _post(path: str, body: Any, *headers: str, version: str = "1.1") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/{version}", "host: localhost", f"content-length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


@pytest.fixture
def post() -> Callable[..., bytes]:
    """The bytes of a POST with a JSON body."""
    return _post


def _ask(provider: str, text: str = "hi", *, stream: bool = False, model: str = "m") -> tuple[str, Any]:
    messages = [{"role": "user", "content": text}]
    contents = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    if provider == "anthropic":
        return "/v1/messages", {"model": model, "max_tokens": 9, "messages": messages, "stream": stream}
    if provider == "chat":
        return "/v1/chat/completions", {"model": model, "messages": messages, "stream": stream}
    if provider == "gemini":
        return f"/v1beta/models/{model}:{method}", contents
    if provider == "code-assist":
        return f"/v1internal:{method}", {"model": model, "project": "p", "user_prompt_id": "1", "request": contents}
    return "/v1/responses", {"model": model, "input": text, "stream": stream}


@pytest.fixture
def ask() -> Callable[..., tuple[str, Any]]:
    """The path and body of the smallest request to a provider."""
    return _ask


@pytest.fixture(scope="module")
def sdk_url() -> Iterator[str]:
    """The URL of the fakes as a program, on the script that the SDKs are tested with."""
    command = [sys.executable, "-m", "fakes", "--script", str(Path(__file__).with_name("sdks.toml"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url: str = json.loads(process.stdout.readline())["url"]
            yield url
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def nowhere() -> Iterator[str]:
    """A URL at which nobody listens: its port is taken, and stays so."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
