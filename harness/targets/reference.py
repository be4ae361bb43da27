"""The adapter of the reference orchestrator, and of its variants, which differ only in how they are started."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar, assert_never, get_args

from fakes.oauth import SeededCredential
from fakes.script import ToolCall
from harness.outcome import AttemptSeen, HolderSeen, Kind, Outcome, RunSeen
from harness.targets import reference_state
from harness.targets.files import API_KEYS, object_in, replace_json
from harness.targets.output import documents, rows_in, shows_traceback
from harness.targets.protocol import (
    UNREACHABLE,
    AddAgent,
    CancelRun,
    Capability,
    CheckUp,
    Command,
    DeleteAgent,
    Ended,
    Intent,
    ListAgents,
    ListRuns,
    Raw,
    RunGateway,
    Setup,
    Site,
    Turn,
)
from harness.version import VERSION

T = TypeVar("T")
_ROOT = Path(__file__).resolve().parents[2]
EXIT_BUSY = 75
_PROFILES = {"main": "codex:default", "other": "other:default"}
_MODELS = {
    "anthropic": "anthropic/claude-sonnet-4-6",
    "gemini": "gemini/gemini-3-pro-preview",
    "codex": "codex/gpt-5.3-codex",
    "other": "other/gpt-5.3-codex",
}
_SIBLINGS = {
    "anthropic": "anthropic/claude-haiku-4-5",
    "gemini": "gemini/gemini-3-flash-preview",
    "codex": "codex/gpt-5.3-codex-mini",
}


class ReferenceTarget:
    """Drives `python -m reference`, or another module with the same command line."""

    patience = 60.0
    needs_tls = False
    in_memory = True
    capabilities = frozenset(Capability) - (frozenset() if shutil.which("git") else {Capability.WORKTREES})
    version = VERSION

    def __init__(self, name: str = "reference", module: Sequence[str] = ("reference",)) -> None:
        self.name = name
        self.argv = (sys.executable, "-m", *module)

    def prepare(self, site: Site, setup: Setup) -> None:
        state = _state(site)
        state.mkdir(mode=0o700, parents=True)
        self.config_file(site).write_text(json.dumps(_config(site, setup), indent=2) + "\n", encoding="utf-8")
        for which, credential in (("main", setup.credential), ("other", setup.other_credential)):
            if credential is not None:
                self.store_credential(site, credential, which)

    def command(self, site: Site, intent: Intent) -> Command:
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(site.home),
            "TMPDIR": str(site.tmp),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(_ROOT),
            "PYTHONSAFEPATH": "1",  # the interpreter looks into the working directory before the program has begun
            "REFERENCE_HOME": str(_state(site)),
        }
        return Command(argv=(*self.argv, *_words(intent)), env=env, cwd=site.home)

    def read(self, site: Site, intent: Intent, ended: Ended) -> Outcome:
        found = documents(ended.stdout)
        document = found.last_object
        error = document.get("error")
        error = error if isinstance(error, dict) else {}
        return Outcome(
            ok=document.get("ok") is True,
            kind=_kind(document, error, ended),
            exit_status=ended.code if ended.code >= 0 else None,
            code=str(error.get("code", "")),
            message=str(error.get("message", "")),
            subject=_subject(error),
            text=str(document.get("text", "")),
            documents=len(found.found),
            stray_output=found.stray,
            traceback=shows_traceback(ended.stdout) or shows_traceback(ended.stderr),
            agents=_each(_agent, rows_in(document, "agents")),
            runs=_each(_run, rows_in(document, "runs")),
            attempts=_each(_attempt, rows_in(document, "attempts")),
            holder=_holder(error),
        )

    def config_file(self, site: Site) -> Path:
        return _state(site) / "config.json"

    def credentials_files(self, site: Site) -> Sequence[Path]:
        return [_state(site) / "credentials.json"]

    def profile(self, site: Site, which: str) -> Mapping[str, object] | None:
        return object_in(_state(site) / "credentials.json", "profiles", _PROFILES[which])

    def store_credential(self, site: Site, credential: SeededCredential, which: str = "main") -> None:
        store = _state(site) / "credentials.json"
        profiles = json.loads(store.read_text(encoding="utf-8"))["profiles"] if store.exists() else {}
        generation = profiles[_PROFILES[which]]["generation"] + 1 if _PROFILES[which] in profiles else 0
        profiles[_PROFILES[which]] = _profile(credential, generation)
        replace_json(store, {"version": 1, "profiles": profiles})

    def tool_call(self, command: str, *, background: bool = False) -> ToolCall:
        return ToolCall("exec", {"command": command, **({"background": True} if background else {})})

    def limited_tool_call(self, command: str, seconds: int) -> ToolCall:
        return ToolCall("exec", {"command": command, "timeout": seconds})

    def delegation(self, agent: str, message: str) -> ToolCall:
        return ToolCall("delegate", {"agent": agent, "message": message})

    def plant_holder(self, site: Site, agent: str, pid: int) -> bool:
        """Leave the record as the reference keeps it, and the bare pid file of the programs it learned from."""
        folder = _state(site) / "locks"
        folder.mkdir(mode=0o700, exist_ok=True)
        record = {"pid": pid, "start_time": 1, "boot_id": "", "run_id": "crashed", "since": 0.0}
        (folder / f"session-{agent}.main.lock").write_text(json.dumps(record) + "\n", encoding="utf-8")
        (folder / f"session-{agent}.main.pid").write_text(f"{pid}\n", encoding="utf-8")
        return True

    def transcripts(self, site: Site, agent: str) -> Sequence[Path]:
        return sorted((_state(site) / "sessions" / agent).glob("*.jsonl"))

    def recycle(self, site: Site, old: int, new: int) -> bool:
        with closing(sqlite3.connect(_state(site) / "runs.sqlite")) as table, table:
            return table.execute("UPDATE runs SET pid = ? WHERE pid = ?", (new, old)).rowcount > 0

    def grow(self, site: Site, *, agents: int, sessions: int) -> None:
        reference_state.multiply(_state(site), site.workspaces, agents=agents, sessions=sessions)

    def break_lock(self, site: Site, agent: str) -> bool:
        """Delete the lock files of sessions; a variant may have one for all agents."""
        found = list((_state(site) / "locks").glob("session-*.lock"))
        for path in found:
            path.unlink(missing_ok=True)
        return bool(found)


def _state(site: Site) -> Path:
    return site.home / ".reference"


def _words(intent: Intent) -> tuple[str, ...]:
    match intent:
        case AddAgent(name=name, workspace=workspace, worktree_of=repository):
            of = ("--worktree-of", repository) if repository is not None else ()
            return ("agents", "add", name, "--non-interactive", "--workspace", workspace, *of, "--json")
        case DeleteAgent(name=name):
            return ("agents", "delete", name, "--json")
        case ListAgents():
            return ("agents", "list", "--json")
        case Turn():
            session = ("--session", intent.session) if intent.session else ()
            timeout = ("--timeout", f"{intent.timeout:g}") if intent.timeout is not None else ()
            local = (*(() if intent.gateway else ("--local",)), *(("--detach",) if intent.detached else ()))
            words = ("agent", "--agent", intent.agent, "--message", intent.message, "--json")
            return (*words, *session, *timeout, *local)
        case ListRuns(everything=everything):
            return ("runs", "list", "--json", *(("--all",) if everything else ()))
        case CancelRun(id=identifier):
            return ("runs", "cancel", identifier, "--json")
        case CheckUp(repair=repair):
            return ("doctor", "--json", *(("--fix",) if repair else ()))
        case RunGateway():
            return ("gateway", "run", "--json")
        case Raw(words=words):
            return words
        case _:
            assert_never(intent)


def _config(site: Site, setup: Setup) -> dict[str, object]:
    said = {
        "graceSeconds": setup.grace_seconds,
        "sessionWaitSeconds": setup.session_wait_seconds,
        "maxSteps": setup.max_steps,
    }
    limits = {name: value for name, value in said.items() if value is not None}
    idle = {"idleSeconds": setup.idle_seconds} if setup.idle_seconds is not None else {}
    providers: dict[str, dict[str, object]] = {
        "anthropic": {"api": "anthropic-messages", "baseUrl": site.url, "apiKey": API_KEYS["anthropic"], **idle},
        "gemini": {
            "api": "google-generative-ai",
            "baseUrl": f"{site.url}/v1beta",
            "apiKey": API_KEYS["gemini"],
            **idle,
        },
        "codex": {
            "api": "openai-codex-responses",
            "baseUrl": f"{site.url}/backend-api",
            "auth": "oauth",
            "profile": _PROFILES["main"],
            "tokenUrl": f"{site.url}/oauth/token",
            **idle,
        },
    }
    if "other" in setup.models:
        providers["other"] = providers["codex"] | {"profile": _PROFILES["other"]}
    for name in setup.unreachable:
        providers[name]["baseUrl"] = UNREACHABLE
    return {
        "agents": {name: {"workspace": str(site.workspace(name)), **setup.entry_extra} for name in setup.agents},
        "models": [
            name
            for model in setup.models
            for name in (_MODELS[model], *([_SIBLINGS[model]] if model in setup.siblings else []))
        ],
        "providers": providers,
        **({"limits": limits} if limits else {}),
        **setup.extra,
    }


def _profile(credential: SeededCredential, generation: int) -> dict[str, object]:
    return {
        "provider": "codex",
        "access": credential.access_token,
        "refresh": credential.refresh_token,
        "expires": int(credential.expires_at * 1000),
        "account_id": credential.account_id,
        "generation": generation,
    }


def _kind(document: Mapping[str, Any], error: Mapping[str, Any], ended: Ended) -> Kind:
    if document.get("ok") is True:
        return "ok"
    if error.get("kind") == "local" and ended.code == EXIT_BUSY:
        return "busy"
    return next((kind for kind in get_args(Kind) if kind == error.get("kind")), "unclear")


def _subject(error: Mapping[str, Any]) -> str | None:
    """The path or the limit in question; None for errors that concern neither."""
    detail = error.get("detail")
    named = [detail[name] for name in ("path", "limit") if name in detail] if isinstance(detail, dict) else []
    return next((str(name) for name in named if name), "") if named else None


def _each(make: Callable[[Mapping[str, Any]], T], rows: Sequence[Mapping[str, Any]] | None) -> tuple[T, ...] | None:
    """Every row, made into something; None when there are none, or one that is not as the reference writes it."""
    try:
        return None if rows is None else tuple(make(row) for row in rows)
    except (KeyError, TypeError):
        return None


def _agent(row: Mapping[str, Any]) -> str:
    return str(row["name"])


def _run(row: Mapping[str, Any]) -> RunSeen:
    jobs = [job for job in row["jobs"] if job["background"] and job["status"] == "running"]
    return RunSeen(
        id=row["id"], agent=row["agent"], status=row["status"], pid=row["pid"], jobs=tuple(job["id"] for job in jobs)
    )


def _attempt(row: Mapping[str, Any]) -> AttemptSeen:
    return AttemptSeen(
        provider=str(row["provider"]),
        model=str(row["model"]),
        kind=str(row["kind"]),
        status=row.get("status"),
        code=str(row.get("code", "")),
    )


def _holder(error: Mapping[str, Any]) -> HolderSeen | None:
    detail = error.get("detail")
    holder = detail.get("holder") if isinstance(detail, dict) else None
    if not isinstance(holder, dict):
        return None
    return HolderSeen(pid=holder.get("pid"), run=holder.get("run_id"), age=holder.get("age_seconds"))
