"""One turn, end to end, through the real program."""

from __future__ import annotations

import json
from typing import Any


def test_answer_and_run_are_reported(ready: Any, provider: Any) -> None:
    done = ready.agent("lane0", "hello")
    assert done.status == 0
    document = done.json
    assert document["text"] == "you said hello"
    assert document["via"] == "local"
    assert document["attempts"] == [
        {"provider": "anthropic", "model": "claude-sonnet-4-6", "kind": "ok", "code": "", "status": 200}
    ]
    run = document["run"]
    assert run["agent"] == "lane0"
    assert run["status"] == "succeeded"
    assert ready.run("runs", "show", run["id"]).json["text"] == "you said hello"


def test_history_of_the_session_is_sent(ready: Any, provider: Any) -> None:
    ready.agent("lane0", "one")
    ready.agent("lane0", "two")
    assert [m["role"] for m in provider.requests[1]["messages"]] == ["user", "assistant", "user"]
    assert "you said one" in json.dumps(provider.requests[1])


def test_sessions_are_apart(ready: Any, provider: Any) -> None:
    ready.agent("lane0", "one")
    ready.agent("lane0", "two", "--session", "other")
    assert len(provider.requests[1]["messages"]) == 1


def test_tool_runs_in_the_workspace(ready: Any) -> None:
    done = ready.agent("lane0", "run: pwd")
    assert str(ready.work / "lane0") in done.json["text"]
    roles = [record["role"] for record in ready.transcript("lane0")]
    assert roles == ["user", "assistant", "tool", "assistant"]


def test_provider_failure_is_typed_and_recorded(ready: Any) -> None:
    done = ready.agent("lane0", "status: 400")
    assert done.status == 1
    assert done.json["error"]["kind"] == "fatal"
    assert done.json["attempts"][0]["status"] == 400
    [run] = ready.runs("--all")
    assert run["status"] == "failed"
    assert run["error"]["kind"] == "fatal"
