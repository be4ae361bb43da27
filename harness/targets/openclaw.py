"""The adapter of OpenClaw, as npm delivers it: the real program, unmodified, in its embedded mode (`agent --local`).

Its model calls go to the fakes by base URL. Its token endpoint has a fixed name: where system calls can be stopped,
that name leads to the fakes, under a test CA; elsewhere HTTPS goes through the fakes' CONNECT, and nothing else is
proxied. Two documented settings differ from their defaults, to make runs shorter without touching what is tested: the
embedded agent's own retries are off, and a model's try is bounded.

It refuses versions that it has not been tried on: formats and wordings change from release to release.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fakes.oauth import SeededCredential
from fakes.script import ToolCall
from fakes.wire.tls import SERVED_HOSTS
from harness.conductor.calls import Family
from harness.errors import UsageError
from harness.outcome import Outcome
from harness.targets import openclaw_config as files
from harness.targets.files import environment, object_in, only_profile, replace_json, write_json
from harness.targets.openclaw_output import outcome
from harness.targets.openclaw_releases import RELEASES
from harness.targets.protocol import (
    AddAgent,
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
from harness.targets.provision import cache_folder, release


def find(version: str) -> OpenClawTarget:
    """The adapter of an installed release.

    Raises UsageError for a release that has no adapter, ProvisionError for one that is not installed.
    """
    if version not in RELEASES:
        known = ", ".join(f"openclaw@{each}" for each in RELEASES)
        raise UsageError(f"there is no adapter for openclaw {version or 'without a version'}", hint=f"targets: {known}")
    name = f"openclaw@{version}"
    return OpenClawTarget(version, release(name).argv, cache_folder() / "warm" / name)


class OpenClawTarget:
    """Drives `node openclaw.mjs`. `warm` holds compiled code that all runs share: no state, only start-up time."""

    name = "openclaw"
    needs_tls = True
    # Node opens 13,600 files for one `agents list`; SQLite, since 2026.6, shares 780 locks in one add.
    too_many = frozenset({Family.READ, Family.LOOK, Family.SHARE})
    names = VendorNames(hosts=frozenset(SERVED_HOSTS))

    def __init__(self, version: str, argv: tuple[str, ...], warm: Path) -> None:
        self.version = version
        self.argv = argv
        self._release = RELEASES[version]
        self.capabilities = self._release.capabilities
        self.patience = self._release.patience
        self._warm = warm
        self.shared = (warm,)

    def prepare(self, site: Site, setup: Setup) -> None:
        write_json(self.config_file(site), files.config(site, setup, self._release), mode=0o600)
        for agent in setup.agents:
            write_json(_agent(site, agent) / "agent" / "settings.json", files.settings())
        if setup.credential is not None:
            self.store_credential(site, setup.credential)
        self._share_transpiled(site)

    def command(self, site: Site, intent: Intent) -> Command:
        env = {
            **environment(site),
            "NODE_COMPILE_CACHE": str(self._warm / "compiled"),
            "NODE_EXTRA_CA_CERTS": str(site.ca_file),
            **({} if site.named else _proxied(site)),
        }
        return Command(argv=(*self.argv, *_words(intent)), env=env, cwd=site.home)

    def read(self, site: Site, intent: Intent, ended: Ended) -> Outcome:
        return outcome(intent, ended)

    def config_file(self, site: Site) -> Path:
        return _state(site) / "openclaw.json"

    def credentials_files(self, site: Site) -> Sequence[Path]:
        """The main agent's store, and the copy that each other agent makes of it at its first run."""
        main = _store(site)
        copies = _state(site).glob("agents/*/agent/auth-profiles.json")
        return [main, *sorted(path for path in copies if path != main)]

    def profile(self, site: Site, which: str) -> Mapping[str, object] | None:
        """The profile in the main agent's store; this adapter keeps no second one."""
        return object_in(_store(site), "profiles", files.PROFILE) if which == "main" else None

    def store_credential(self, site: Site, credential: SeededCredential, which: str = "main") -> None:
        """Into the main agent's store, where signing in puts it and from where every agent inherits."""
        only_profile(which)
        replace_json(_store(site), files.credentials(credential))

    def tool_call(self, command: str, *, background: bool = False) -> ToolCall:
        """The tool `exec`; without `yieldMs` it would move a command to the background after ten seconds."""
        return ToolCall("exec", {"command": command, **({"background": True} if background else {"yieldMs": 120_000})})

    def limited_tool_call(self, command: str, seconds: int) -> ToolCall:
        return ToolCall("exec", {"command": command, "timeout": seconds, "yieldMs": 120_000})

    def plant_holder(self, site: Site, agent: str, pid: int) -> bool:
        """The lock file of this release: it records the holder's start time, which a reused pid cannot share."""
        sessions = _agent(site, agent) / "sessions"
        record = {"pid": pid, "createdAt": _now(), "starttime": 1}
        write_json(sessions / f"{_session(sessions, agent)}.jsonl.lock", record)
        return True

    def transcripts(self, site: Site, agent: str) -> Sequence[Path]:
        return sorted((_agent(site, agent) / "sessions").glob("*.jsonl"))

    def break_lock(self, site: Site, agent: str) -> bool:
        """Delete the lock file of the agent's session."""
        found = list((_agent(site, agent) / "sessions").glob("*.jsonl.lock"))
        for path in found:
            path.unlink(missing_ok=True)
        return bool(found)

    def _share_transpiled(self, site: Site) -> None:
        """Its plug-ins are transpiled at start-up into TMPDIR; the result is the same for every run."""
        shared, link = self._warm / "jiti", site.tmp / "jiti"
        shared.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(shared)


def _proxied(site: Site) -> Mapping[str, str]:
    return {"HTTPS_PROXY": site.url, "NO_PROXY": "127.0.0.1,localhost", "NODE_USE_ENV_PROXY": "1"}


def _state(site: Site) -> Path:
    return site.home / ".openclaw"


def _agent(site: Site, agent: str) -> Path:
    return _state(site) / "agents" / agent


def _store(site: Site) -> Path:
    return _agent(site, "main") / "agent" / "auth-profiles.json"


def _session(sessions: Path, agent: str) -> str:
    """The id of the agent's only session; a new one is written for an agent that has not run yet."""
    index, key = sessions / "sessions.json", f"agent:{agent}:main"
    if not index.exists():
        row = {"sessionId": str(uuid.uuid4()), "updatedAt": int(datetime.now(UTC).timestamp() * 1000)}
        write_json(index, {key: row})
    return str(json.loads(index.read_text(encoding="utf-8"))[key]["sessionId"])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _words(intent: Intent) -> tuple[str, ...]:
    match intent:
        case AddAgent(name=name, workspace=workspace):
            return ("agents", "add", name, "--non-interactive", "--workspace", workspace, "--json")
        case ListAgents():
            return ("agents", "list", "--json")
        case Turn(gateway=False):
            session = ("--session-id", intent.session) if intent.session else ()
            timeout = ("--timeout", str(math.ceil(intent.timeout))) if intent.timeout is not None else ()
            words = ("agent", "--local", "--agent", intent.agent, "--message", intent.message, "--json")
            return (*words, *session, *timeout)
        case Raw(words=words):
            return words
        case _:
            raise ValueError(f"{intent.verb} is not among this target's capabilities")
