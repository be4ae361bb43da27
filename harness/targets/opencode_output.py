"""Reading what opencode printed: a run's events, a line each, the config as it has understood it, errors for people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.outcome import Kind, Outcome
from harness.targets.output import documents, first_line, kind_in, shows_traceback
from harness.targets.protocol import Ended, Intent, ListAgents, Turn

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
# The first that fits decides, for errors that come without a status. Wordings of 1.18.33.
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"Token refresh failed|API key is missing", "auth"),
    (r"Cannot connect to API|socket connection|timed out|overloaded|rate limit", "retryable"),
    (r"not valid JSON|Failed query|EACCES|EPERM|EROFS|ENOSPC|EMFILE|EIO|EDQUOT", "local"),
    (r"Session not found|Model not found|Unknown argument|is required for|Provide either", "usage"),
)


def outcome(intent: Intent, ended: Ended) -> Outcome:
    """What a command said. A run's exit status is 1 for an error that it reports; its events say which."""
    found = documents(ended.stdout)
    events = [each for each in found.found if isinstance(each, dict)]
    error = _error(events)
    ok = ended.code == 0 and (not isinstance(intent, Turn) or _stopped_well(events))
    message = "" if ok else _message(error, ended)
    return Outcome(
        ok=ok,
        kind="ok" if ok else _kind(error, message),
        exit_status=ended.code if ended.code >= 0 else None,
        code="" if ok else str(error.get("name", "")),
        message=message,
        text=_text(events),
        documents=None,  # a run prints an event a line, which is what its format "json" means
        traceback=shows_traceback(ended.stdout) or shows_traceback(ended.stderr),
        agents=_names(found.last_object) if isinstance(intent, ListAgents) and ended.code == 0 else None,
    )


def _parts(events: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    found = [event.get("part") for event in events if event.get("type") == kind]
    return [part for part in found if isinstance(part, dict)]


def _stopped_well(events: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the last step of the run ended by the model's own will, and nothing was reported as an error."""
    return not _error(events) and [part.get("reason") for part in _parts(events, "step_finish")][-1:] == ["stop"]


def _text(events: Sequence[Mapping[str, Any]]) -> str:
    """What the model answered, all messages of the run."""
    return "\n".join(str(part.get("text", "")) for part in _parts(events, "text"))


def _error(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The last error that the run reported; {} for none."""
    found = [event.get("error") for event in events if event.get("type") == "error"]
    return found[-1] if found and isinstance(found[-1], dict) else {}


def _facts(error: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = error.get("data")
    return facts if isinstance(facts, dict) else {}


def _kind(error: Mapping[str, Any], message: str) -> Kind:
    """By the status that a provider answered with, else by the error's name, else by its words."""
    status, name = _facts(error).get("statusCode"), error.get("name")
    if status in (401, 403) or name == "ProviderAuthError":
        return "auth"
    if name == "ContextOverflowError":
        return "fatal"
    if isinstance(status, int):
        return "retryable" if status == 429 or status >= 500 else "fatal"
    return kind_in(message, _KINDS)


def _message(error: Mapping[str, Any], ended: Ended) -> str:
    """What the run reported, else the first line of standard error; "" after a signal."""
    if "message" in _facts(error):
        return str(_facts(error)["message"])
    return first_line(_STYLE.sub("", ended.stderr)) if ended.code >= 0 else ""


def _names(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The servers of its config as it has understood it; None when it printed no config."""
    servers = config.get("mcp", {}) if "model" in config else None
    return tuple(servers) if isinstance(servers, dict) else None
