"""report.md says what happened, and a target's text cannot change what it says."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports import markdown
from reports.record import ArmFacts, FindingFacts, Record, Result

PARSER = MarkdownIt("commonmark").enable("table")


def parsed(text: str) -> list[Token]:
    return PARSER.parse(text)


def headings(tokens: list[Token]) -> list[str]:
    return [tokens[index + 1].content for index, token in enumerate(tokens) if token.type == "heading_open"]


def tables(tokens: list[Token]) -> list[list[int]]:
    """The number of cells of each row of each table."""
    found: list[list[int]] = []
    for token in tokens:
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append(0)
        elif token.type in ("th_open", "td_open"):
            found[-1][-1] += 1
    return found


def section(text: str, title: str) -> str:
    """From a heading that holds `title` to the next of level 2."""
    return re.split(r"^## ", text[text.index(title) :], flags=re.MULTILINE)[0]


def test_the_verdict_table_has_the_worst_first_and_both_arms(violated: Record) -> None:
    text = markdown.render(violated)
    rows = re.findall(r"^\| [✗?✓].*$", text, re.MULTILINE)
    assert [row.split("**")[1] for row in rows] == ["VIOLATED", "VIOLATED", "VIOLATED", "UNKNOWN", "CONFORMS"]
    assert "| CFG-1 | acknowledged-add-survives | `four_adds_at_once` | 20 of 20 runs | 0 of 5 runs |" in rows[0]
    assert "7 of 10 runs (2 inconclusive, 1 unknown) | not run |" in rows[1]


def test_a_violation_says_what_was_done_how_often_and_shows_its_evidence(violated: Record) -> None:
    text = section(markdown.render(violated), "✗ VIOLATED · CFG-1")
    for said in (
        "Every add that exited 0 is listed",
        "What was done: four adds read the config before any of them writes it",
        "violated in 20 of 20 runs with the fault; control arm without it: 0 of 5 runs",
        "Steered by: system calls held (seccomp)",
        "> Why: Whoever read exit status 0 relies on it.",
        "**Finding 1** (CFG-1, definite): lane1, lane2 and lane3 were acknowledged but are not listed",
        "- event 15 at 0.060 s: add-lane1 exits 0",
        "**Finding 2** (CFG-4)",
        "<https://github.com/openclaw/openclaw/issues/43367>",
        "```sh\npileup replay CFG-1.7f3a\n```",
        "HOME=~ node openclaw.mjs agents add lane4 --json",
        '-  "agents": ["main"]\n+  "agents": ["main", "lane4"]',
        "### What was not verified\n\n- durability across power loss",
        "### Notes\n\n- npm start-up took 0.9 s",
    ):
        assert said in text


def test_the_timeline_has_one_lane_an_actor(violated: Record) -> None:
    text = section(markdown.render(violated), "✗ VIOLATED · CFG-1")
    header = text.split("### Timeline\n\n```text\n")[1].splitlines()[0]
    assert header.split() == [
        "event", "seconds", "add-lane1", "add-lane2", "add-lane3", "add-lane4", "files", "harness",
    ]  # fmt: skip


def test_requests_grants_and_processes_are_listed(violated: Record) -> None:
    text = markdown.render(violated)
    assert "| `#21` | `run-a` | `anthropic` | `claude-opus-4-6` | `POST /v1/messages` | `529` | `complete` |" in text
    assert "| `rotated` | `200` | `f1` | `2` |" in text
    processes = section(text, "✗ VIOLATED · CHD-1").split("### Processes")[1]
    assert "before the signal (#<!-- -->3):" in processes
    assert "701  └─ sh -c make  [run-a]" in processes
    assert "703  run-a  heartbeat --detached  not listed" in processes


def test_only_what_conforms_is_folded(violated: Record) -> None:
    text = markdown.render(violated)
    assert text.count("<details>") == text.count("</details>") == 1
    assert "<summary>✓ CONFORMS · CFG-1: acknowledged-add-survives: Unknown keys survive an add.</summary>\n\n" in text
    assert len([title for title in headings(parsed(text)) if "·" in title]) == 4


def test_an_empty_and_an_interrupted_session(new_record: Callable[..., Record]) -> None:
    text = markdown.render(new_record(interrupted=True, machine={}))
    assert "**Nothing was run.**" in text
    assert "The session was interrupted" in text
    assert "Machine: not recorded" in text


def test_hostile_text_changes_nothing_but_words(attacked: Record) -> None:
    text = markdown.render(attacked)
    tokens = parsed(text)
    assert [title for title in headings(tokens) if "heading" in title] == []
    assert len(headings(tokens)) == 11
    assert tables(tokens) == [[6, 6], [7, 7], [9, 9]]
    html = [child.content for token in tokens for child in token.children or [] if child.type == "html_inline"]
    assert set(html) <= {"<!-- -->", "<code>", "</code>"}
    assert [token for token in tokens if token.type == "html_block"] == []
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {
        "text",
        "text_special",
        "html_inline",
        "code_inline",
        "strong_open",
        "strong_close",
        "softbreak",
    }
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b\ud800-\udfff]", text)
    assert max(map(len, text.splitlines())) < 12_000


def test_notes_that_look_like_markup_are_notes(attacked: Record) -> None:
    tokens = parsed(markdown.render(attacked))
    assert {token.type for token in tokens} & {"ordered_list_open", "hr", "code_block"} == {"hr"}
    assert max(token.level for token in tokens if token.type == "bullet_list_open") == 0


@pytest.mark.parametrize("verdict", ["GREENISH", "", "conforms"])
def test_an_unknown_verdict_is_never_green(
    new_record: Callable[..., Record], new_result: Callable[..., Result], verdict: str
) -> None:
    text = markdown.render(new_record(new_result(verdict=verdict)))
    assert "<details>" not in text
    assert "| ✓" not in text


def test_evidence_that_is_not_in_the_history_is_said(
    new_record: Callable[..., Record], new_result: Callable[..., Result]
) -> None:
    finding = FindingFacts(rule="CFG-1", message="m", evidence=(7, *range(100, 140)))
    text = markdown.render(new_record(new_result(verdict="VIOLATED", findings=(finding,))))
    assert "event 7: this event is not in the stored history" in text
    assert "- and 17 more events" in text


def test_a_long_history_fits_into_an_issue(
    new_record: Callable[..., Record], new_result: Callable[..., Result]
) -> None:
    held = {"at": 0.0, "kind": "CallHeld", "actor": "a", "call": "open", "path": "p" * 300, "index": 1}
    history = tuple({**held, "seq": seq} for seq in range(5000))
    finding = FindingFacts(rule="CFG-1", message="m", evidence=(4321,))
    text = markdown.render(new_record(new_result(verdict="VIOLATED", findings=(finding,), history=history)))
    assert len(text) < 65_536
    assert "[1]      #4321" in text
    assert "(4928 of 5000 events are not drawn; record.json has them all)" in text


def test_many_results_fit_into_an_issue_and_no_finding_is_left_out(
    new_record: Callable[..., Record], new_result: Callable[..., Result]
) -> None:
    held = {"at": 0.0, "kind": "CallHeld", "actor": "a", "call": "open", "path": "p" * 300, "index": 1}
    history = tuple({**held, "seq": seq} for seq in range(500))

    def made(verdict: str, number: int) -> Result:
        findings = (FindingFacts(rule="CFG-1", message=f"lost-{number}-", evidence=(43,)),) * (verdict == "VIOLATED")
        return new_result(scenario=f"{verdict}-{number}", verdict=verdict, findings=findings, history=history)

    results = [made(verdict, number) for number in range(9) for verdict in ("CONFORMS", "UNSUPPORTED", "VIOLATED")]
    text = markdown.render(new_record(*results))
    assert 50_000 < len(text) < 65_536
    assert [text.count(f"lost-{number}-") for number in range(9)] == [1] * 9
    assert all(f"`{result.scenario}`" in text for result in results)
    whole = text.count("### Timeline")
    assert f"what follows the findings of {9 - whole} and all but the verdict of 18. `report.html`" in text
    assert 0 < whole < 9
    few = markdown.render(new_record(*results[:3]))
    assert few.count("### Timeline") == 3
    assert "Left out" not in few


def test_a_control_arm_that_did_not_run_is_not_zero(
    new_record: Callable[..., Record], new_result: Callable[..., Result]
) -> None:
    text = markdown.render(new_record(new_result(control_arm=ArmFacts(runs=0, violated=0))))
    assert "control arm without it: not run" in text
    assert "0 of 0" not in text
