"""Tables, process trees and file differences from a history."""

from __future__ import annotations

from typing import Any

from reports import exhibits, history
from reports.record import FileChange, Result


def test_provider_requests_join_their_replies(storm: Result) -> None:
    table = exhibits.provider_requests(history.read(storm.history))
    path = "/v1beta/models/gemini-3-pro:generateContent"
    assert table.rows == (
        ("#21", "run-a", "anthropic", "claude-opus-4-6", "POST /v1/messages", "529", "complete"),
        ("#24", "port 40101", "gemini", "gemini-3-pro", f"POST {path}", "", "no reply was sent"),
    )
    assert all(len(row) == len(table.header) for row in table.rows)


def test_a_reply_without_a_status_line_says_so() -> None:
    entries = history.read(
        [
            {"seq": 1, "at": 0, "kind": "RequestReceived", "exchange": 1, "provider": "codex", "marker": "m"},
            {"seq": 2, "at": 0, "kind": "ReplySent", "exchange": 1, "status": 0, "outcome": "reset"},
        ]
    )
    assert exhibits.provider_requests(entries).rows[0][-2:] == ("none sent", "reset")


def test_token_grants_join_their_decisions(storm: Result) -> None:
    entries = history.read(storm.history)
    table = exhibits.token_grants(entries)
    decided = [row[5:] for row in table.rows]
    assert decided == [("rotated", "200", "f1", "2"), *[("reuse-detected", "400", "f1", "")] * 3]
    unanswered = exhibits.token_grants([entry for entry in entries if entry.kind != "TokenAnswered"])
    assert {row[5] for row in unanswered.rows} == {"not answered"}
    assert all(len(row) == len(table.header) for row in (*table.rows, *unanswered.rows))


def test_a_long_table_is_bounded_and_says_so() -> None:
    events = [{"seq": n, "at": 0, "kind": "TokenRequested", "exchange": n} for n in range(250)]
    table = exhibits.token_grants(history.read(events))
    assert (len(table.rows), table.left_out) == (100, 150)


def _tree(*processes: Any) -> tuple[str, ...]:
    (entry,) = history.read([{"seq": 1, "at": 0, "kind": "TreeSeen", "when": "now", "processes": list(processes)}])
    return exhibits.process_trees([entry])[0].lines


def _process(pid: int, parent: int) -> dict[str, Any]:
    return {"pid": pid, "parent": parent, "actor": "a", "command": f"c{pid}"}


def test_a_tree_is_indented_by_parent() -> None:
    lines = _tree(_process(12, 11), _process(10, 1), _process(11, 10), _process(13, 10))
    assert [line.split("[")[0].rstrip() for line in lines] == [
        "   10  c10",
        "   11  └─ c11",
        "   12     └─ c12",
        "   13  └─ c13",
    ]


def test_cycles_and_junk_lose_no_process() -> None:
    assert len(_tree(_process(1, 2), _process(2, 1), _process(3, 3))) == 3
    assert len(_tree(_process(5, 0), "junk", None)) == 1
    assert len(_tree({"pid": [1], "parent": {}, "command": "c"}, {"parent": "x"})) >= 1
    assert _tree() == ("(no process)",)


def test_a_deep_chain_is_no_recursion() -> None:
    assert len(_tree(*(_process(pid, pid - 1) for pid in range(2, 5002)))) == 5000


def test_trees_come_before_the_survivors(survived: Result) -> None:
    trees = exhibits.process_trees(history.read(survived.history))
    assert [tree.when for tree in trees] == [
        "before the signal (#3)",
        "after the grace period (#6)",
        "survivors",
    ]
    assert "not listed" in trees[2].lines[0]


def _diff(before: str | None, after: str | None) -> exhibits.FileDiff:
    return exhibits.file_diffs([FileChange(path="p", before=before, after=after)])[0]


def test_a_change_is_a_unified_diff() -> None:
    diff = _diff("a\nb\nc\n", "a\nB\nc\n")
    assert diff.what == "changed"
    assert diff.lines == ("--- before", "+++ after", "@@ -1,3 +1,3 @@", " a", "-b", "+B", " c")


def test_created_deleted_unchanged() -> None:
    assert (_diff(None, "a\n").what, _diff(None, "a\n").lines[-1]) == ("created", "+a")
    assert (_diff("a\n", None).what, _diff("a\n", None).lines[-1]) == ("deleted", "-a")
    assert (_diff("a", "a").what, _diff("a", "a").lines) == ("unchanged", ())
    assert _diff(None, None).what == "unchanged"
    assert _diff(None, "").what == "created"


def test_a_missing_last_line_feed_and_other_line_ends_show() -> None:
    assert any("no newline" in line for line in _diff("a\n", "a").lines)
    assert _diff("a\r\n", "a\n").lines[-2:] == ("-a␍", "+a")


def test_a_huge_difference_is_bounded() -> None:
    diff = _diff("".join(f"a{n}\n" for n in range(50_000)), "".join(f"b{n}\n" for n in range(50_000)))
    assert len(diff.lines) == exhibits.DIFF_LINES + 1
    assert diff.lines[-1].endswith("more lines)")
    assert max(map(len, _diff("x" * 10**6, "y").lines)) < 300


def test_changed_files_come_first() -> None:
    files = [FileChange(path="same", before="a", after="a"), FileChange(path="new", before=None, after="b\n")]
    assert [diff.path for diff in exhibits.file_diffs(files)] == ["new", "same"]
