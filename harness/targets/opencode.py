"""The adapter of opencode, as npm delivers it: `opencode run --format json`, one run and one process for each message.

Its models are set to the fakes by its own config. Signed in to ChatGPT it knows its hosts by name alone: where system
calls can be stopped, these lead to the fakes, under a test CA; elsewhere it cannot be run signed in. Its agents are
written by a model, so a run is told its workspace by where it starts, and `add` and `list` are about what its config
has under a name, MCP servers. Its own retries of a model, five in a minute, cannot be turned off.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from fakes.oauth import SeededCredential
from fakes.script import ToolCall
from harness.outcome import Outcome
from harness.targets.files import API_KEYS, environment, object_in, only_profile, pi_tokens, replace_json, write_json
from harness.targets.opencode_output import outcome
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

_HOSTS = frozenset({"chatgpt.com", "auth.openai.com"})
# A model that it lets a ChatGPT account use; of another one it says "Unexpected server error" and asks nobody.
_SIGNED_IN = "openai/gpt-5.4"
# Our names of providers: the package by which it talks to each, and the path below the fakes' address.
_APIS = {"anthropic": ("@ai-sdk/anthropic", "/v1"), "gemini": ("@ai-sdk/google", "/v1beta")}
_API_KEYED = ("@ai-sdk/openai", "/v1")
_DATA = Path(".local", "share", "opencode")  # in a home
_DATABASE = _DATA / "opencode.db"


def find(version: str) -> OpencodeTarget:
    """The adapter of an installed release. Raises ProvisionError for one that is not installed."""
    found = release(f"opencode@{version}")
    return OpencodeTarget(version, found.argv, found.home / _DATABASE)


class OpencodeTarget:
    """Drives the program's own binary, without the launcher that npm puts before it.

    `database` is an empty one, as the first command in a home would make it.
    """

    name = "opencode"
    patience = 240.0  # a run takes 8 s on two busy cores, and over a minute more when its model cannot be had
    needs_tls = True
    names = VendorNames(hosts=_HOSTS)
    capabilities = frozenset(
        {
            *(Capability.ADD_AGENTS, Capability.TURN, Capability.SESSIONS, Capability.KEYS, Capability.OAUTH),
            Capability.TOOLS,
        }
    )

    def __init__(self, version: str, argv: tuple[str, ...], database: Path) -> None:
        self.version = version
        self.argv = argv
        self._database = database

    def prepare(self, site: Site, setup: Setup) -> None:
        write_json(self.config_file(site), _config(site, setup))
        self._warm(site)
        if setup.credential is not None:
            self.store_credential(site, setup.credential)

    def command(self, site: Site, intent: Intent) -> Command:
        env = {
            **environment(site),
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "NODE_EXTRA_CA_CERTS": str(site.ca_file),
        }
        cwd = site.workspace(intent.agent) if isinstance(intent, Turn) else site.home
        return Command(argv=(*self.argv, *_words(intent)), env=env, cwd=cwd)

    def read(self, site: Site, intent: Intent, ended: Ended) -> Outcome:
        return outcome(intent, ended)

    def config_file(self, site: Site) -> Path:
        return site.home / ".config" / "opencode" / "opencode.json"

    def credentials_files(self, site: Site) -> Sequence[Path]:
        return [_store(site)]

    def profile(self, site: Site, which: str) -> Mapping[str, object] | None:
        return object_in(_store(site), "openai") if which == "main" else None

    def store_credential(self, site: Site, credential: SeededCredential, which: str = "main") -> None:
        only_profile(which)
        replace_json(_store(site), {"openai": pi_tokens(credential)})

    def tool_call(self, command: str, *, background: bool = False) -> ToolCall:
        return ToolCall("bash", {"command": command, "description": "runs a command"})

    def plant_holder(self, site: Site, agent: str, pid: int) -> bool:
        return False

    def _warm(self, site: Site) -> None:
        """What the first command in a home leaves: its database, and a package for plug-ins that nothing here needs.

        Without the former, commands that begin at once fail at making the same tables; without the latter each of them
        asks the package registry for it, for three seconds where there is none.
        """
        database = site.home / _DATABASE
        database.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._database, database)
        folder = self.config_file(site).parent
        (folder / "node_modules").mkdir(exist_ok=True)
        package = {"dependencies": {"@opencode-ai/plugin": self.version}}
        write_json(folder / "package.json", package)
        write_json(folder / "package-lock.json", {"packages": {"": package}})


def _store(site: Site) -> Path:
    return site.home / _DATA / "auth.json"


def _config(site: Site, setup: Setup) -> dict[str, object]:
    """opencode.json: the fakes as providers, and no command of a scenario asks anybody."""
    return {
        "$schema": "https://opencode.ai/config.json",  # else it is put there by the first command
        "model": _SIGNED_IN if setup.credential else f"fake-{setup.models[0]}/fake",
        "permission": {"*": "allow"},
        "provider": _providers(site, setup),
        "mcp": {name: _entry(site.workspace(name)) for name in setup.agents},
        **setup.extra,
    }


def _entry(workspace: Path) -> dict[str, object]:
    return {"type": "local", "command": ["true", str(workspace)], "enabled": False}  # enabled, a run would start it


def _providers(site: Site, setup: Setup) -> dict[str, object]:
    wait = {} if setup.idle_seconds is None else dict.fromkeys(("headerTimeout", "chunkTimeout"), _ms(setup))
    model = {"limit": {"context": 200_000, "output": 8192}}
    found: dict[str, object] = {"openai": {"options": wait}} if setup.credential else {}
    for ours in setup.models:
        base = UNREACHABLE if ours in setup.unreachable else site.url
        package, path = _APIS.get(ours, _API_KEYED)
        options = {"baseURL": base + path, "apiKey": API_KEYS[ours], **wait}
        found[f"fake-{ours}"] = {"npm": package, "options": options, "models": {"fake": model}}
    return found


def _ms(setup: Setup) -> int:
    return round(1000 * (setup.idle_seconds or 0))


def _words(intent: Intent) -> tuple[str, ...]:
    match intent:
        case AddAgent(name=name, workspace=workspace):
            return ("mcp", "add", name, "--", "true", workspace)
        case ListAgents():
            return ("debug", "config")  # `mcp list` starts every server, and is for people to read
        case Turn(message=message, session=session, timeout=None, gateway=False):
            # Without a title it asks its model for one. It puts a word that has a space into quotation marks.
            goes_on = ("--session", session) if session else ("--continue",)
            return ("run", "--format", "json", "--title", "a run", *goes_on, "--", *message.split(" "))
        case Raw(words=words):
            return words
        case _:
            raise ValueError(f"{intent.verb} is not among this target's capabilities, or not in this form")
