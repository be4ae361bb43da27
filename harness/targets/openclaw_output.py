"""What OpenClaw printed, as an outcome.

Its document says whether a turn succeeded; the exit status does not (a provider's refusal and a time-out give 0). Its
errors are sentences without a code or a type, so `code` is always empty, and their kind can only be had from the
wording: one small table below does that, in one place. What the table does not know is "unclear".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.outcome import AttemptSeen, HolderSeen, Kind, Outcome
from harness.targets.openclaw_releases import OURS
from harness.targets.output import documents, kind_in, shows_traceback
from harness.targets.protocol import AddAgent, Ended, Intent, ListAgents, Raw, Turn

IMPLICIT_AGENT = "main"  # every config has it, whether it is written there or not

# The first line that fits decides. Wordings of 2026.3.8, 2026.6.11 and 2026.9.6, each seen in a real run.
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"session file locked", "busy"),
    (r"OAuth token refresh failed|No API key found|HTTP 40[13]\b|authentication", "auth"),
    (
        r"LLM request rejected|provider rejected the request|Context overflow|prompt too large|HTTP 4(?:00|13)\b",
        "fatal",
    ),
    (r"temporarily overloaded|rate limit|LLM request timed out|HTTP (?:429|5\d\d)\b", "retryable"),
    (r" \((?:overloaded|rate_limit|timeout)\)$", "retryable"),
    (r"Connection error|fetch failed|ECONNRE", "retryable"),
    (r"already exists|is reserved|not found|Unknown agent|requires --|unknown (?:command|option)", "usage"),
    (r"required option|Invalid --|Pass --|Message \(--message\)", "usage"),
    (r"[Cc]onfig (?:is )?invalid|Invalid config|EACCES|EPERM|EROFS|ENOSPC|EMFILE", "local"),
)
_LOCKED = re.compile(r"session file locked \(timeout \d+ms\): pid=(\d+) ")
_ALL_FAILED = re.compile(r"All models failed \(\d+\): (.*)")
_ATTEMPT = re.compile(rf"(?:^| \| )({'|'.join(map(re.escape, OURS))})/([^\s:]+): ")
_REASON = re.compile(r" \((\w+)\)(?= \||$)")  # later releases repeat the last cause behind it
_STATUS = re.compile(r"^(?:HTTP |[\w ]+ error \()?([45]\d\d)\b")
_NODE_WARNING = re.compile(r"\(node:\d+\) |\(Use `node ")
_ERROR_LINE = re.compile(r"^(?:\w*Error: )(.+)$", re.MULTILINE)
_BAD_CONFIG = re.compile(r"^((?:OpenClaw c|C)onfig (?:is )?invalid)\nFile: .*\nProblem:\n((?: .*\n?)+)", re.MULTILINE)


def outcome(intent: Intent, ended: Ended) -> Outcome:
    """How the command ended, by its own word."""
    found = documents(ended.stdout)
    document = found.last_object
    agents = _agents(found.found) if isinstance(intent, ListAgents) and ended.code == 0 else None
    ok = ended.code == 0 and _claims_success(intent, document, agents)
    text = _text(document)
    message = "" if ok else (_refusal(document) or text or _last_error(ended))
    asked_for_json = not isinstance(intent, Raw) or "--json" in intent.words
    return Outcome(
        ok=ok,
        kind="ok" if ok else _kind(document, message),
        exit_status=ended.code if ended.code >= 0 else None,
        message=message,
        text=text,
        documents=len(found.found) if asked_for_json else None,
        stray_output=found.stray,
        traceback=shows_traceback(ended.stdout) or shows_traceback(ended.stderr),
        agents=agents,
        attempts=attempts(message),
        holder=_holder(message),
    )


def attempts(message: str) -> tuple[AttemptSeen, ...] | None:
    """The tries that "All models failed" lists, in its order and by our names; None when it does not say that."""
    listed = _ALL_FAILED.search(message)
    if listed is None:
        return None
    heads = list(_ATTEMPT.finditer(listed[1]))
    ends = [head.start() for head in heads[1:]] + [len(listed[1])]
    return tuple(_attempt(head, listed[1][head.end() : end]) for head, end in zip(heads, ends, strict=True))


def kind_of(message: str) -> Kind:
    """The kind that a sentence of this program stands for."""
    return kind_in(message, _KINDS)


def _attempt(head: re.Match[str], said: str) -> AttemptSeen:
    reason, status = _REASON.search(said), _STATUS.match(said)
    return AttemptSeen(
        provider=OURS[head[1]],
        model=head[2],
        kind=reason[1] if reason else "",
        status=int(status[1]) if status else None,
    )


def _claims_success(intent: Intent, document: Mapping[str, Any], agents: tuple[str, ...] | None) -> bool:
    match intent:
        case AddAgent():
            return "agentId" in document
        case ListAgents():
            return agents is not None
        case Turn():
            meta = document.get("meta")
            return isinstance(meta, dict) and meta.get("stopReason") == "stop" and meta.get("aborted") is False
        case _:
            return True


def _agents(found: tuple[Any, ...]) -> tuple[str, ...] | None:
    rows = next((document for document in reversed(found) if isinstance(document, list)), None)
    if rows is None or not all(isinstance(row, dict) and "id" in row for row in rows):
        return None
    return tuple(str(row["id"]) for row in rows if row["id"] != IMPLICIT_AGENT)


def _text(document: Mapping[str, Any]) -> str:
    """What the turn printed as its answer, its error included: the document keeps both in one place."""
    payloads = document.get("payloads")
    rows = payloads if isinstance(payloads, list) else []
    return "\n".join(str(row["text"]) for row in rows if isinstance(row, dict) and row.get("text"))


def _refusal(document: Mapping[str, Any]) -> str:
    """What a command of 2026.9 says it failed of, in the document that it prints instead of its answer."""
    error = document.get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def _kind(document: Mapping[str, Any], message: str) -> Kind:
    meta = document.get("meta")
    if isinstance(meta, dict) and meta.get("aborted") is True:
        return "stopped"
    listed = _ALL_FAILED.search(message)
    return kind_of(listed[1].split(" | ")[0] if listed else message)


def _last_error(ended: Ended) -> str:
    """The report on the config, or the last "…Error: " line of standard error, or its last line; "" after a signal.

    Node's own warnings do not count.
    """
    if ended.code < 0:
        return ""
    if bad := _BAD_CONFIG.search(ended.stderr):
        return f"{bad[1]}: {' '.join(bad[2].split())}"
    if errors := _ERROR_LINE.findall(ended.stderr):
        return str(errors[-1])
    lines = [line for line in ended.stderr.splitlines() if line.strip() and not _NODE_WARNING.match(line)]
    return lines[-1].strip() if lines else ""


def _holder(message: str) -> HolderSeen | None:
    locked = _LOCKED.search(message)
    return HolderSeen(pid=int(locked[1]), run=None, age=None) if locked else None
