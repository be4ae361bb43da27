"""What the tests of the reference share: temporary homes, the program as a process, and a provider to talk to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

BOUND = 30.0  # seconds; nothing in these tests takes longer unless it hangs


class Completed:
    """A finished command."""

    def __init__(self, status: int, stdout: bytes, stderr: bytes, seconds: float = 0.0) -> None:
        self.status = status
        self.stdout = stdout
        self.stderr = stderr.decode()
        self.seconds = seconds

    @property
    def json(self) -> dict[str, Any]:
        """The one document on standard output."""
        lines = self.stdout.splitlines()
        assert len(lines) == 1, (self.stdout, self.stderr)
        document = json.loads(lines[0])
        assert isinstance(document, dict)
        assert document["ok"] is (self.status == 0)
        return document

    @property
    def code(self) -> str:
        error = self.json["error"]
        if error["kind"] == "internal":  # show what happened, before the temporary home is gone
            pytest.fail(Path(error["detail"]["traceback"]).read_text())
        return str(error["code"])


class Program:
    """The reference, or one of its variants, in one home."""

    def __init__(self, home: Path, work: Path) -> None:
        self.home = home
        self.work = work
        self.started: list[subprocess.Popen[bytes]] = []

    def argv(self, *words: str, variant: str = "") -> list[str]:
        module = ["reference.variants", variant] if variant else ["reference"]
        return [sys.executable, "-m", *module, *words]

    def env(self, **more: str) -> dict[str, str]:
        own = {"HOME": str(self.work), "TMPDIR": str(self.work), "REFERENCE_HOME": str(self.home)}
        return {"PATH": os.environ["PATH"], **own, **more}

    def start(self, *words: str, variant: str = "", **options: Any) -> subprocess.Popen[bytes]:
        defaults: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": self.env(),
            "cwd": self.work,
        }
        process = subprocess.Popen(self.argv(*words, variant=variant), **(defaults | options))
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen[bytes], bound: float = BOUND) -> Completed:
        begun = time.monotonic()
        stdout, stderr = process.communicate(timeout=bound)
        return Completed(process.returncode, stdout or b"", stderr or b"", time.monotonic() - begun)

    def run(self, *words: str, variant: str = "", bound: float = BOUND, **options: Any) -> Completed:
        return self.finish(self.start(*words, "--json", variant=variant, **options), bound)

    def add(self, *names: str) -> None:
        for name in names:
            assert self.run("agents", "add", name, "--workspace", str(self.work / name)).status == 0

    def agent(self, name: str, message: str, *words: str, **options: Any) -> Completed:
        return self.run("agent", "--local", "--agent", name, "--message", message, *words, **options)

    def start_agent(self, name: str, message: str, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        return self.start("agent", "--json", "--agent", name, "--message", message, *words, **options)

    def names(self) -> list[str]:
        return [agent["name"] for agent in self.run("agents", "list").json["agents"]]

    def runs(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.run("runs", "list", *words).json["runs"]
        return found

    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "config.json").read_bytes())
        return found

    def write_config(self, config: dict[str, Any]) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)
        (self.home / "config.json").write_text(json.dumps(config))

    def transcript(self, agent: str, session: str = "main") -> list[dict[str, Any]]:
        path = self.home / "sessions" / agent / f"{session}.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    def kill_all(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdout, process.stderr, process.stdin):
                if stream is not None:
                    stream.close()
            process.wait(BOUND)


class Provider:
    """An Anthropic-style endpoint that does what the conversation says.

    The last user message decides: `stall` sends nothing until `release`; `run: COMMAND` and `background: COMMAND`
    ask for the tool, then answer with its result; `calls: JSON` asks for [tool, arguments] pairs at once; `status: N`
    fails; `long: N` is answered with so many characters; anything else is answered in kind.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.released = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with provider.changed:
                    provider.requests.append(body)
                    provider.changed.notify_all()
                try:
                    provider.answer(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def config(self, **more: Any) -> dict[str, Any]:
        """A config whose only model is this one."""
        entry = {"api": "anthropic-messages", "baseUrl": self.url, "apiKey": "sk-fake"}
        return {"models": ["anthropic/claude-sonnet-4-6"], "providers": {"anthropic": entry}, **more}

    def wait_for(self, count: int) -> None:
        """Wait until that many requests have arrived."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, BOUND), self.requests

    def answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        messages = body["messages"]
        asked = next(text for m in reversed(messages) if m["role"] == "user" and (text := _text(m)))
        result = _tool_result(messages[-1])
        verb, _, rest = asked.partition(": ")
        if result is not None:
            _stream(handler, [{"type": "text", "text": f"result: {result}"}])
        elif verb == "stall":
            self.released.wait(BOUND)
            _stream(handler, [{"type": "text", "text": "released"}])
        elif verb in ("run", "background"):
            arguments = {"command": rest, "background": verb == "background"}
            call = {"type": "tool_use", "id": f"toolu_{len(messages)}", "name": "exec", "input": arguments}
            _stream(handler, [call])
        elif verb == "calls":
            calls = enumerate(json.loads(rest))
            _stream(handler, [{"type": "tool_use", "id": f"toolu_{n}", "name": c[0], "input": c[1]} for n, c in calls])
        elif verb == "long":
            _stream(handler, [{"type": "text", "text": "x" * int(rest)}])
        elif verb == "status":
            handler.send_response(int(rest))
            handler.send_header("content-length", "2")
            handler.end_headers()
            handler.wfile.write(b"{}")
        else:
            _stream(handler, [{"type": "text", "text": f"you said {asked}"}])

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    texts = [block["text"] for block in content if block["type"] == "text"]
    return texts[-1] if texts else ""


def _tool_result(message: dict[str, Any]) -> str | None:
    if isinstance(message["content"], str):
        return None
    for block in message["content"]:
        if block["type"] == "tool_result":
            content = block["content"]
            return content if isinstance(content, str) else "".join(part["text"] for part in content)
    return None


def _stream(handler: BaseHTTPRequestHandler, blocks: list[dict[str, Any]]) -> None:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m"}
    usage = {"input_tokens": 1, "output_tokens": 1}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**message, "usage": usage}}]
    stop = "end_turn"
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            begin: dict[str, Any] = {"type": "text", "text": ""}
            delta: dict[str, Any] = {"type": "text_delta", "text": block["text"]}
        else:
            stop = "tool_use"
            begin = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        events.append({"type": "content_block_start", "index": index, "content_block": begin})
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": usage})
    events.append({"type": "message_stop"})
    data = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def wait_until(condition: Callable[[], Any], what: str = "") -> Any:
    """Poll until the condition holds; its value."""
    end = time.monotonic() + BOUND
    while not (value := condition()):
        assert time.monotonic() < end, f"never: {what or condition}"
        time.sleep(0.01)
    return value


@pytest.fixture
def until() -> Callable[..., Any]:
    return wait_until


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    work = tmp_path / "work"
    work.mkdir()
    program = Program(tmp_path / "home", work)
    yield program
    program.kill_all()


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def ready(program: Program, provider: Provider) -> Program:
    """A home with agents lane0 and lane1 and the provider."""
    program.write_config(provider.config())
    program.add("lane0", "lane1")
    return program
