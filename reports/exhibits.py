"""What a result shows beside its timeline: provider requests, token grants, process trees, file diffs.

Pure rows of plain text from a history; whoever shows them escapes them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports import escape
from reports.history import Entry
from reports.record import FileChange

ROWS = 100  # rows of one table that are shown
DIFF_LINES = 160  # lines of one file's diff that are shown
COMPARED_LINES = 2000  # lines of each text that are compared: comparing is quadratic in the worst case


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A header and rows of the same width; `left_out` counts rows that are not shown."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTree:
    """All processes at one moment, one line each, indented by depth; `survivors` came from SurvivorSeen."""

    when: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiff:
    """What happened to a file: "created", "deleted", "changed" or "unchanged", and a bounded unified diff."""

    path: str
    what: str
    lines: tuple[str, ...]


def provider_requests(entries: Sequence[Entry]) -> Table:
    """Every request to a model provider with what it got, in order of arrival."""
    replies = {entry.text("exchange"): entry for entry in entries if entry.kind == "ReplySent"}
    rows = [
        _request(entry, replies.get(entry.text("exchange")))
        for entry in entries
        if entry.kind == "RequestReceived" and entry.text("provider") != "oauth"
    ]
    return _table(("event", "from", "provider", "model", "request", "status", "outcome"), rows)


def _request(entry: Entry, reply: Entry | None) -> tuple[str, ...]:
    sender = entry.text("marker") or f"port {entry.text('peer_port')}"
    asked = (f"#{entry.seq}", sender, entry.text("provider"), entry.text("model"))
    line = f"{entry.text('method')} {entry.text('path')}".strip()
    if reply is None:
        return (*asked, line, "", "no reply was sent")
    return (*asked, line, _status(reply), reply.text("outcome"))


def token_grants(entries: Sequence[Entry]) -> Table:
    """Every token grant that was asked for, with the decision on it."""
    answers = {entry.text("exchange"): entry for entry in entries if entry.kind == "TokenAnswered"}
    markers = {entry.text("exchange"): entry.text("marker") for entry in entries if entry.kind == "RequestReceived"}
    rows = [
        _grant(entry, answers.get(entry.text("exchange")), markers.get(entry.text("exchange"), ""))
        for entry in entries
        if entry.kind == "TokenRequested"
    ]
    header = ("event", "exchange", "from", "grant", "token", "decision", "status", "family", "generation")
    return _table(header, rows)


def _grant(entry: Entry, answer: Entry | None, marker: str) -> tuple[str, ...]:
    asked = (f"#{entry.seq}", entry.text("exchange"), marker, entry.text("grant_type"), entry.text("token"))
    if answer is None:
        return (*asked, "not answered", "", "", "")
    return (
        *asked,
        answer.text("decision"),
        _status(answer),
        answer.text("family"),
        answer.text("generation"),
    )


def _status(entry: Entry) -> str:
    return entry.text("status") if entry.number("status") else "none sent"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(header=header, rows=tuple(rows[:ROWS]), left_out=max(0, len(rows) - ROWS))


def process_trees(entries: Sequence[Entry]) -> tuple[ProcessTree, ...]:
    """Every tree that was looked at, in order, then the survivors."""
    trees = [
        ProcessTree(when=f"{entry.text('when')} (#{entry.seq})", lines=_tree_lines(entry.list("processes")))
        for entry in entries
        if entry.kind == "TreeSeen"
    ]
    survivors = tuple(_survivor(entry) for entry in entries if entry.kind == "SurvivorSeen")
    return (*trees, ProcessTree(when="survivors", lines=survivors)) if survivors else tuple(trees)


def _survivor(entry: Entry) -> str:
    handle = f"  listed as {entry.text('listed')}" if entry.text("listed") else "  not listed"
    return f"{entry.text('pid'):>5}  {entry.text('actor')}  {entry.text('command')}{handle}"


def _tree_lines(processes: Sequence[Any]) -> tuple[str, ...]:
    known = {_pid(process): process for process in processes if isinstance(process, Mapping)}
    children: dict[int, list[int]] = {}
    for pid, process in known.items():
        parent = process.get("parent")
        children.setdefault(parent if parent in known and parent != pid else 0, []).append(pid)
    drawn = [(pid, depth) for pid, depth in _walk(children)]
    # A cycle hangs from no root. It cannot come from a kernel, but a record is only a file.
    lost = [(pid, 0) for pid in known if pid not in {seen for seen, _ in drawn}]
    return tuple(_tree_line(known[pid], depth) for pid, depth in [*drawn, *lost]) or ("(no process)",)


def _walk(children: Mapping[int, Sequence[int]]) -> Iterator[tuple[int, int]]:
    waiting = [(pid, 0) for pid in reversed(children.get(0, ()))]
    while waiting:
        pid, depth = waiting.pop()
        yield pid, depth
        waiting.extend((child, depth + 1) for child in reversed(children.get(pid, ())))


def _pid(process: Mapping[str, Any]) -> int:
    pid = process.get("pid")
    return pid if isinstance(pid, int) else -1


def _tree_line(process: Mapping[str, Any], depth: int) -> str:
    branch = "   " * (depth - 1) + "└─ " if depth else ""
    return f"{process.get('pid', '?')!s:>5}  {branch}{process.get('command', '')}  [{process.get('actor', '')}]"


def file_diffs(files: Sequence[FileChange]) -> tuple[FileDiff, ...]:
    """The changed files first, each with a bounded unified diff; control characters are already visible."""
    diffs = [_diff(change) for change in files]
    return tuple(sorted(diffs, key=lambda diff: diff.what == "unchanged"))


def _diff(change: FileChange) -> FileDiff:
    if change.before == change.after:
        return FileDiff(path=change.path, what="unchanged", lines=())
    what = "created" if change.before is None else "deleted" if change.after is None else "changed"
    before, after = _compared(change.before), _compared(change.after)
    unified = list(difflib.unified_diff(before, after, "before", "after", lineterm=""))
    shown = unified[:DIFF_LINES]
    if len(unified) > DIFF_LINES:
        shown.append(f"… ({len(unified) - DIFF_LINES} more lines)")
    return FileDiff(
        path=change.path,
        what=what,
        lines=tuple(shown or ["(only white space differs, or the difference is beyond what is compared)"]),
    )


def _compared(text: str | None) -> list[str]:
    if not text:
        return []
    shown = escape.lines(text.removesuffix("\n"), COMPARED_LINES)
    return shown if text.endswith("\n") else [*shown, "\\ no newline at the end of the file"]
