"""The adapter of pi, as npm delivers it: `pi -p --mode json`, one run and one process for each message.

Its models are set to the fakes by its own list of models. Signed in to ChatGPT it knows its hosts by name alone: where
system calls can be stopped, these lead to the fakes, under a test CA; elsewhere it cannot be run signed in. It has no
agents: a run is told its workspace by where it starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fakes.oauth import SeededCredential
from fakes.script import ToolCall
from harness.outcome import Kind, Outcome
from harness.targets.files import (
    API_KEYS,
    environment,
    object_in,
    only_profile,
    pi_model,
    pi_tokens,
    replace_json,
    write_json,
)
from harness.targets.output import documents, first_line, kind_in, shows_traceback
from harness.targets.protocol import (
    UNREACHABLE,
    Capability,
    Command,
    Ended,
    Intent,
    Raw,
    Setup,
    Site,
    Turn,
    VendorNames,
)
from harness.targets.provision import release

_HOSTS = frozenset({"chatgpt.com", "auth.openai.com"})
_SIGNED_IN = ("openai-codex", "gpt-5.3-codex")  # the provider that it ships for ChatGPT, and a model of it
# Our names of providers: the interface by which it talks to each, and the path below the fakes' address.
_APIS = {"anthropic": ("anthropic-messages", ""), "gemini": ("google-generative-ai", "/v1beta")}
_API_KEYED = ("openai-responses", "/v1")
# The first that fits decides. Wordings of 0.73.1.
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"\b40[13]\b|No API key|refresh|log ?in", "auth"),
    (r"\b(?:429|5\d\d)\b|overloaded|rate limit|[Cc]onnection error|fetch failed|terminated|ECONN", "retryable"),
    (r"\b4\d\d\b|context", "fatal"),
    (r"EACCES|EPERM|EROFS|ENOSPC|EMFILE|EIO|EDQUOT", "local"),
    (r"Unknown (?:option|provider)|not found", "usage"),
)


def find(version: str) -> PiTarget:
    """The adapter of an installed release. Raises ProvisionError for one that is not installed."""
    return PiTarget(version, release(f"pi@{version}").argv)


class PiTarget:
    """Drives `node cli.js`."""

    name = "pi"
    patience = 60.0  # a run takes 1 s
    needs_tls = True
    names = VendorNames(hosts=_HOSTS)
    capabilities = frozenset({Capability.TURN, Capability.KEYS, Capability.OAUTH, Capability.TOOLS})

    def __init__(self, version: str, argv: tuple[str, ...]) -> None:
        self.version = version
        self.argv = argv

    def prepare(self, site: Site, setup: Setup) -> None:
        provider = "openai-codex" if setup.credential else setup.models[0]
        write_json(self.config_file(site), {**_settings(provider), **setup.extra})
        write_json(_state(site) / "models.json", {"providers": _providers(site, setup)})
        if setup.credential is not None:
            self.store_credential(site, setup.credential)

    def command(self, site: Site, intent: Intent) -> Command:
        env = {
            **environment(site),
            "PI_CODING_AGENT_DIR": str(_state(site)),
            "PI_OFFLINE": "1",
            "PI_TELEMETRY": "0",
            "NODE_EXTRA_CA_CERTS": str(site.ca_file),
        }
        cwd = site.workspace(intent.agent) if isinstance(intent, Turn) else site.home
        return Command(argv=(*self.argv, *_words(intent)), env=env, cwd=cwd)

    def read(self, site: Site, intent: Intent, ended: Ended) -> Outcome:
        events = [each for each in documents(ended.stdout).found if isinstance(each, dict)]
        last = _last_answer(events)
        ok = ended.code == 0 and (not isinstance(intent, Turn) or last.get("stopReason") == "stop")
        message = "" if ok else _message(last, ended)
        return Outcome(
            ok=ok,
            kind="ok" if ok else kind_in(message, _KINDS),
            exit_status=ended.code if ended.code >= 0 else None,
            message=message,
            text=_text(last),
            documents=None,  # a run prints an event a line, which is what its mode "json" means
            traceback=shows_traceback(ended.stdout) or shows_traceback(ended.stderr),
        )

    def config_file(self, site: Site) -> Path:
        return _state(site) / "settings.json"

    def credentials_files(self, site: Site) -> Sequence[Path]:
        return [_store(site)]

    def profile(self, site: Site, which: str) -> Mapping[str, object] | None:
        return object_in(_store(site), "openai-codex") if which == "main" else None

    def store_credential(self, site: Site, credential: SeededCredential, which: str = "main") -> None:
        only_profile(which)
        replace_json(_store(site), {"openai-codex": pi_tokens(credential)})

    def tool_call(self, command: str, *, background: bool = False) -> ToolCall:
        return ToolCall("bash", {"command": command})

    def limited_tool_call(self, command: str, seconds: int) -> ToolCall:
        return ToolCall("bash", {"command": command, "timeout": seconds})

    def plant_holder(self, site: Site, agent: str, pid: int) -> bool:
        return False


def _state(site: Site) -> Path:
    return site.home / ".pi" / "agent"


def _store(site: Site) -> Path:
    return _state(site) / "auth.json"


def _settings(provider: str) -> dict[str, object]:
    """Its own retries of a model are off, so that one fault is one request."""
    name, model = _SIGNED_IN if provider == "openai-codex" else (f"fake-{provider}", f"fake-{provider}")
    return {"defaultProvider": name, "defaultModel": model, "retry": {"enabled": False}}


def _providers(site: Site, setup: Setup) -> dict[str, object]:
    found: dict[str, object] = {}
    for ours in setup.models:
        base = UNREACHABLE if ours in setup.unreachable else site.url
        api, path = _APIS.get(ours, _API_KEYED)
        models = [pi_model(f"fake-{ours}")]
        found[f"fake-{ours}"] = {"baseUrl": base + path, "api": api, "apiKey": API_KEYS[ours], "models": models}
    return found


def _words(intent: Intent) -> tuple[str, ...]:
    match intent:
        case Turn(message=message, session=None, timeout=None, gateway=False):
            return ("-p", "--mode", "json", message)
        case Raw(words=words):
            return words
        case _:
            raise ValueError(f"{intent.verb} is not among this target's capabilities, or not in this form")


def _last_answer(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The last message of the model: its exit status is 0 whatever the model had answered."""
    ends = [event["message"] for event in events if event.get("type") == "message_end" and "message" in event]
    said = [message for message in ends if isinstance(message, dict) and message.get("role") == "assistant"]
    return said[-1] if said else {}


def _text(answer: Mapping[str, Any]) -> str:
    parts = answer.get("content")
    rows = parts if isinstance(parts, list) else []
    return "\n".join(str(row.get("text", "")) for row in rows if isinstance(row, dict) and row.get("type") == "text")


def _message(answer: Mapping[str, Any], ended: Ended) -> str:
    """What the model's message says it failed of, else the first line of standard error; "" after a signal."""
    if answer.get("errorMessage"):
        return str(answer["errorMessage"])
    return first_line(ended.stderr) if ended.code >= 0 else ""
