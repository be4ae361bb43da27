"""The adapter of Claude Code, as npm delivers it: `claude -p`, one run and one process for each message.

Without a credential its model is reached by a base URL and a key. Signed in, it knows its hosts by name alone: where
system calls can be stopped, these lead to the fakes, under a test CA; elsewhere it cannot be run signed in. It has no
agents: a run is told its workspace by where it starts, and `add` and `list` are about what its config has under a name,
MCP servers of the user. Its own retries of a request are off, so that one fault is one request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fakes.oauth import CLAUDE_CLIENT_ID, SeededCredential
from fakes.script import ToolCall
from harness.outcome import Kind, Outcome
from harness.targets.files import environment, object_in, only_profile, replace_json, write_json
from harness.targets.output import documents, first_line, kind_in, shows_traceback
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
    VendorNames,
)
from harness.targets.provision import release

_MODEL = "claude-sonnet-4-5"
_HOSTS = frozenset({"api.anthropic.com", "platform.claude.com", "console.anthropic.com"})
_SCOPES = ("user:inference", "user:profile")
# By the status of the provider's answer; without one by the wording of 2.1.330, each seen in a real run.
_STATUSES: Mapping[int, Kind] = {400: "fatal", 401: "auth", 403: "auth", 413: "fatal", 429: "retryable"}
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"Not logged in|Please run /login|OAuth|authenticat", "auth"),
    (r"Connection dropped|Connection to the API was lost|Unable to connect|timed out", "retryable"),
    (r"configuration file at .* is corrupted|EACCES|EPERM|EROFS|ENOSPC|EMFILE|EIO|EDQUOT", "local"),
    (r"already exists in|Invalid name|unknown option|missing required", "usage"),
)
_NONE = "No MCP servers configured"
_LISTED = re.compile(r"^([A-Za-z0-9_-]+): .* - ", re.MULTILINE)


def find(version: str) -> ClaudeCodeTarget:
    """The adapter of an installed release. Raises ProvisionError for one that is not installed."""
    return ClaudeCodeTarget(version, release(f"claude-code@{version}").argv)


class ClaudeCodeTarget:
    """Drives the program's own binary, without the launcher that npm puts before it."""

    name = "claude-code"
    patience = 60.0  # a run takes 1 s
    needs_tls = True
    names = VendorNames(hosts=_HOSTS)
    oauth_client = CLAUDE_CLIENT_ID
    capabilities = frozenset({Capability.ADD_AGENTS, Capability.TURN, Capability.OAUTH, Capability.TOOLS})

    def __init__(self, version: str, argv: tuple[str, ...]) -> None:
        self.version = version
        self.argv = argv

    def prepare(self, site: Site, setup: Setup) -> None:
        entries = {name: _entry(site.workspace(name)) for name in setup.agents}
        base = UNREACHABLE if "anthropic" in setup.unreachable else site.url
        # The environment of a command is made anew each time; what `prepare` knows stands in the program's settings.
        key = {} if setup.credential else {"ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": "sk-ant-fake"}
        write_json(_state(site) / "settings.json", {"env": key})
        write_json(self.config_file(site), {"hasCompletedOnboarding": True, "mcpServers": entries, **setup.extra})
        if setup.credential is not None:
            self.store_credential(site, setup.credential)

    def command(self, site: Site, intent: Intent) -> Command:
        env = {
            **environment(site),
            "CLAUDE_CONFIG_DIR": str(_state(site)),
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",  # it refuses to run as root without asking, unless it is told that this is one
            "NODE_EXTRA_CA_CERTS": str(site.ca_file),
        }
        cwd = site.workspace(intent.agent) if isinstance(intent, Turn) else site.home
        return Command(argv=(*self.argv, *_words(intent)), env=env, cwd=cwd)

    def read(self, site: Site, intent: Intent, ended: Ended) -> Outcome:
        found = documents(ended.stdout)
        document = found.last_object
        is_turn = isinstance(intent, Turn)
        ok = ended.code == 0 and (not is_turn or document.get("is_error") is False)
        message = "" if ok else _message(document, ended)
        return Outcome(
            ok=ok,
            kind="ok" if ok else _kind(document, message),
            exit_status=ended.code if ended.code >= 0 else None,
            code="" if ok else _code(document),
            message=message,
            text=str(document.get("result", "")) if ok else "",
            documents=len(found.found) if is_turn else None,
            stray_output=found.stray and is_turn,
            traceback=shows_traceback(ended.stdout) or shows_traceback(ended.stderr),
            agents=_listed(ended) if isinstance(intent, ListAgents) and ended.code == 0 else None,
        )

    def config_file(self, site: Site) -> Path:
        return _state(site) / ".claude.json"

    def credentials_files(self, site: Site) -> Sequence[Path]:
        return [_store(site)]

    def profile(self, site: Site, which: str) -> Mapping[str, object] | None:
        return object_in(_store(site), "claudeAiOauth") if which == "main" else None

    def store_credential(self, site: Site, credential: SeededCredential, which: str = "main") -> None:
        only_profile(which)
        tokens = {
            "accessToken": credential.access_token,
            "refreshToken": credential.refresh_token,
            "expiresAt": int(credential.expires_at * 1000),
            "scopes": list(_SCOPES),
            "subscriptionType": "max",
        }
        replace_json(_store(site), {"claudeAiOauth": tokens})

    def tool_call(self, command: str, *, background: bool = False) -> ToolCall:
        more = {"run_in_background": True} if background else {}
        return ToolCall("Bash", {"command": command, "description": "work", "timeout": 120_000, **more})

    def plant_holder(self, site: Site, agent: str, pid: int) -> bool:
        return False


def _state(site: Site) -> Path:
    return site.home / ".claude"


def _store(site: Site) -> Path:
    return _state(site) / ".credentials.json"


def _entry(workspace: Path) -> dict[str, object]:
    return {"type": "stdio", "command": "true", "args": [str(workspace)], "env": {}}


def _words(intent: Intent) -> tuple[str, ...]:
    match intent:
        case AddAgent(name=name, workspace=workspace):
            return ("mcp", "add", name, "--scope", "user", "--", "true", workspace)
        case ListAgents():
            return ("mcp", "list")
        case Turn(message=message, session=None, timeout=None, gateway=False):
            return ("-p", message, "--output-format", "json", "--allowedTools", "Bash", "--model", _MODEL)
        case Raw(words=words):
            return words
        case _:
            raise ValueError(f"{intent.verb} is not among this target's capabilities, or not in this form")


def _listed(ended: Ended) -> tuple[str, ...] | None:
    """The names of `mcp list`, which starts each server and says of ours that it did not answer."""
    names = tuple(_LISTED.findall(ended.stdout))
    return names if names or _NONE in ended.stdout else None


def _message(document: Mapping[str, Any], ended: Ended) -> str:
    """What the turn says it failed of, else the first line of standard error; "" after a signal."""
    if document.get("is_error") is True:
        return str(document.get("result") or document.get("subtype") or "")
    return first_line(ended.stderr) if ended.code >= 0 else ""


def _code(document: Mapping[str, Any]) -> str:
    """The only names that its errors have: why the run ended, and the status that the provider had answered."""
    status = document.get("api_error_status")
    return " ".join(str(part) for part in (document.get("terminal_reason"), status) if part)


def _kind(document: Mapping[str, Any], message: str) -> Kind:
    status = document.get("api_error_status")
    if isinstance(status, int):
        return _STATUSES.get(status, "retryable" if status >= 500 else "unclear")
    return kind_in(message, _KINDS)
