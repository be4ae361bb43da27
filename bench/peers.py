"""The servers that are compared: the fakes, and peers from npm where they are installed; each a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.results import OURS, OUT
from bench.rounds import BenchError

AIMOCK, OAUTH2_MOCK = "aimock", "oauth2-mock-server"
PEERS = OUT / "peers"
INSTALL = "npm install --prefix bench/out/peers"
_PACKAGES = {AIMOCK: "@copilotkit/aimock", OAUTH2_MOCK: "oauth2-mock-server"}
_BINARIES = {AIMOCK: "llmock", OAUTH2_MOCK: "oauth2-mock-server"}
_PATIENCE = 60.0
TEXT = "seven deltas make ten frames of it."  # with a role, a finish and [DONE]
DELTAS, FRAMES = 7, 10


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers, how long it took from its start to that, and a refresh token if it has any."""

    port: int
    seconds: float
    token: str = ""


def missing(arm: str) -> str:
    """How to get a peer that is not installed; "" for one that is."""
    if arm == OURS or _program(arm).exists():
        return ""
    return f"{arm} is left out: it is not installed; {INSTALL} {_PACKAGES[arm]}"


def version_of(arm: str) -> str:
    """What npm says was installed."""
    document = json.loads((PEERS / "node_modules" / _PACKAGES[arm] / "package.json").read_text(encoding="utf-8"))
    return str(document["version"])


@contextmanager
def serving(arm: str, pace: float = 0.0, *, tokens: bool = False) -> Iterator[Running]:
    """Start an arm's server, with so many seconds between two frames. Raises BenchError when it does not answer.

    With `tokens`, ours is started with a token family to refresh.
    """
    with TemporaryDirectory(prefix="bench-fakes-") as name:
        folder, port = Path(name), _free_port()
        command = _ours(folder, port, pace, tokens=tokens) if arm == OURS else _peer(arm, folder, port, pace)
        began = time.perf_counter()
        own = os.environ | {"TMPDIR": name}  # what a killed server cannot remove
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=own) as process:
            try:
                _wait_until_it_answers(process, port)
                seconds = time.perf_counter() - began
                token = _token(process) if arm == OURS and tokens else ""
                yield Running(port, seconds, token)
            finally:
                process.kill()


def _program(arm: str) -> Path:
    return PEERS / "node_modules" / ".bin" / _BINARIES[arm]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ours(folder: Path, port: int, pace: float, *, tokens: bool) -> list[str]:
    reply = f'{{ kind = "text", text = "{TEXT}", chunks = {DELTAS}, pace = {pace} }}'
    script = folder / "script.toml"
    script.write_text(f'[[rules]]\nname = "all"\nreplies = [ {reply} ]\n', encoding="utf-8")
    # Every reuse mints here, so that one token may be sent again and again: the work is that of a refresh.
    policy = ["--oauth-policy", "grace:1000000:1000000000", "--seed-family", "f"] if tokens else []
    files = ["--script", str(script), "--journal", str(folder / "journal.jsonl")]
    return [sys.executable, "-m", "fakes", "--port", str(port), *files, *policy]


def _token(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    (seeded,) = json.loads(Path(said["credentials_file"]).read_text(encoding="utf-8"))
    return str(seeded["refresh_token"])


def _peer(arm: str, folder: Path, port: int, pace: float) -> list[str]:
    program = str(_program(arm))
    if arm == OAUTH2_MOCK:
        return [program, "-a", "127.0.0.1", "-p", str(port)]
    fixtures = folder / "fixtures.json"
    answer = {"match": {"userMessage": "hi"}, "response": {"content": TEXT}}
    fixtures.write_text(json.dumps({"fixtures": [answer]}), encoding="utf-8")
    options = ["--latency", str(round(pace * 1000)), "--chunk-size", str(len(TEXT) // DELTAS), "--log-level", "silent"]
    return [program, "-p", str(port), "-f", str(fixtures), *options]


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.perf_counter() + _PATIENCE
    while time.perf_counter() < end and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as client:
                client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                if client.recv(12):
                    return
        except ConnectionError:
            time.sleep(0.001)
    raise BenchError(f"{process.args!r:.200} did not answer")
