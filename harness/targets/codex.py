"""The adapter of Codex, as npm delivers it: `codex exec`, one run and one process for each message.

Its model and its token endpoint are set to the fakes by documented settings; nothing else is let out. It has no
agents: a run is told its workspace, and `add` and `list` are about what its config has under a name, MCP servers. Its
own retries of a model are off, so that one fault is one request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w

from fakes.oauth import SeededCredential
from fakes.script import ToolCall
from harness.outcome import Kind, Outcome
from harness.targets.files import environment, object_in, only_profile, replace_json
from harness.targets.output import documents, kind_in, shows_traceback
from harness.targets.protocol import (
    UNREACHABLE,
    AddAgent,
    Capability,
    Command,
    Ended,
    Intent,
    ListAgents,
    Raw,
    Setup,
    Site,
    Turn,
)
from harness.targets.provision import release

_MODEL = "gpt-5.3-codex"
# The first that fits decides. Wordings of 0.169.0, each seen in a real run.
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"could not be refreshed|sign in again|unexpected status 40[13]\b", "auth"),
    (r"invalid_request_error|ran out of room in the model's context window", "fatal"),
    (r"last status: (?:429|5\d\d)\b|unexpected status (?:429|5\d\d)\b|high demand|rate limit exceeded", "retryable"),
    (r"stream disconnected before completion", "retryable"),
    (r"Error loading config|\(os error \d+\)", "local"),
    (r"invalid server name|unexpected argument|required arguments", "usage"),
)


def find(version: str) -> CodexTarget:
    """The adapter of an installed release. Raises ProvisionError for one that is not installed."""
    return CodexTarget(version, release(f"codex@{version}").argv)


class CodexTarget:
    """Drives the program's own binary, without the launcher that npm puts before it."""

    name = "codex"
    patience = 60.0  # a run takes 0.3 s
    needs_tls = False
    capabilities = frozenset({Capability.ADD_AGENTS, Capability.TURN, Capability.OAUTH, Capability.TOOLS})

    def __init__(self, version: str, argv: tuple[str, ...]) -> None:
        self.version = version
        self.argv = argv

    def prepare(self, site: Site, setup: Setup) -> None:
        folder = _state(site)
        folder.mkdir(parents=True, exist_ok=True)
        self.config_file(site).write_text(tomli_w.dumps(_config(site, setup)), encoding="utf-8")
        if setup.credential is not None:
            self.store_credential(site, setup.credential)

    def command(self, site: Site, intent: Intent) -> Command:
        env = {
            **environment(site),
            "CODEX_HOME": str(_state(site)),
            "CODEX_REFRESH_TOKEN_URL_OVERRIDE": f"{site.url}/oauth/token",
        }
        return Command(argv=(*self.argv, *_words(site, intent)), env=env, cwd=site.home)

    def read(self, site: Site, intent: Intent, ended: Ended) -> Outcome:
        found = documents(ended.stdout)
        events = [each for each in found.found if isinstance(each, dict)]
        ok = ended.code == 0 and _claims_success(intent, events)
        message = "" if ok else _message(events, ended)
        return Outcome(
            ok=ok,
            kind="ok" if ok else kind_in(message, _KINDS),
            exit_status=ended.code if ended.code >= 0 else None,
            message=message,
            text=_text(events),
            documents=None,  # a run prints an event a line, which is what --json means here
            traceback=shows_traceback(ended.stdout) or shows_traceback(ended.stderr),
            agents=_names(found.found) if isinstance(intent, ListAgents) and ended.code == 0 else None,
        )

    def config_file(self, site: Site) -> Path:
        return _state(site) / "config.toml"

    def credentials_files(self, site: Site) -> Sequence[Path]:
        return [_store(site)]

    def profile(self, site: Site, which: str) -> Mapping[str, object] | None:
        return object_in(_store(site), "tokens") if which == "main" else None

    def store_credential(self, site: Site, credential: SeededCredential, which: str = "main") -> None:
        only_profile(which)
        tokens = {
            "id_token": credential.id_token,
            "access_token": credential.access_token,
            "refresh_token": credential.refresh_token,
            "account_id": credential.account_id,
        }
        # A store that says it is old would be refreshed for that alone; so the token's own end decides.
        document = {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": _now()}
        replace_json(_store(site), document)

    def tool_call(self, command: str, *, background: bool = False) -> ToolCall:
        """`exec_command`: what has not ended after `yield_time_ms` goes on in the background."""
        return ToolCall("exec_command", {"cmd": command, "yield_time_ms": 250 if background else 30_000})

    def plant_holder(self, site: Site, agent: str, pid: int) -> bool:
        return False


def _state(site: Site) -> Path:
    return site.home / ".codex"


def _store(site: Site) -> Path:
    return _state(site) / "auth.json"


def _config(site: Site, setup: Setup) -> dict[str, object]:
    """config.toml. Nothing in it changes what is locked, refreshed or killed.

    Without `analytics` and `features` off, a run asks hosts that are none of a test's business, for 5 s where they do
    not answer. TOML has no null, so keys of `setup.extra` that are null are left out.
    """
    only = {"codex", setup.models[0]}  # its one provider stands for whichever is named first
    base = UNREACHABLE if only & set(setup.unreachable) else site.url
    provider = {
        "name": "fakes",
        "base_url": f"{base}/v1",
        "wire_api": "responses",
        "requires_openai_auth": True,
        "request_max_retries": 0,
        "stream_max_retries": 0,
    }
    return {
        "model": _MODEL,
        "model_provider": "fakes",
        "approval_policy": "never",
        "sandbox_mode": "danger-full-access",
        "check_for_update_on_startup": False,
        "chatgpt_base_url": f"{site.url}/backend-api/",
        "cli_auth_credentials_store": "file",
        "analytics": {"enabled": False},
        "features": {"plugins": False, "apps": False},
        "model_providers": {"fakes": provider},
        "mcp_servers": {name: _entry(site.workspace(name)) for name in setup.agents},
        **_without_null(setup.extra),
    }


def _entry(workspace: Path) -> dict[str, object]:
    return {"command": "true", "args": [str(workspace)], "enabled": False}  # enabled, a run would start it


def _without_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_null(each) for key, each in value.items() if each is not None}
    return [_without_null(each) for each in value if each is not None] if isinstance(value, list) else value


def _words(site: Site, intent: Intent) -> tuple[str, ...]:
    match intent:
        case AddAgent(name=name, workspace=workspace):
            return ("mcp", "add", name, "--", "true", workspace)
        case ListAgents():
            return ("mcp", "list", "--json")
        case Turn(agent=agent, message=message, session=None, timeout=None, gateway=False):
            return ("exec", "--json", "--skip-git-repo-check", "-C", str(site.workspace(agent)), message)
        case Raw(words=words):
            return words
        case _:
            raise ValueError(f"{intent.verb} is not among this target's capabilities, or not in this form")


def _claims_success(intent: Intent, events: Sequence[Mapping[str, Any]]) -> bool:
    if not isinstance(intent, Turn):
        return True
    ends = [event["type"] for event in events if event.get("type") in ("turn.completed", "turn.failed")]
    return ends[-1:] == ["turn.completed"]


def _text(events: Sequence[Mapping[str, Any]]) -> str:
    """What the model answered, all messages of the run."""
    items = [event.get("item") for event in events if event.get("type") == "item.completed"]
    said = [item for item in items if isinstance(item, dict) and item.get("type") == "agent_message"]
    return "\n".join(str(item.get("text", "")) for item in said)


def _message(events: Sequence[Mapping[str, Any]], ended: Ended) -> str:
    """What the turn failed of, else the last line of standard error; "" after a signal."""
    failures = [event["error"] for event in events if event.get("type") == "turn.failed" and "error" in event]
    if failures and isinstance(failures[-1], dict):
        return str(failures[-1].get("message", ""))
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines and ended.code >= 0 else ""


def _names(found: Sequence[Any]) -> tuple[str, ...] | None:
    rows = next((document for document in reversed(found) if isinstance(document, list)), None)
    if rows is None or not all(isinstance(row, dict) and "name" in row for row in rows):
        return None
    return tuple(str(row["name"]) for row in rows)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
