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


def test_four_agents_at_once_in_a_fresh_home(program: Any, provider: Any) -> None:
    """The database, the locks and the folders are made by whoever comes first."""
    names = [f"lane{n}" for n in range(4)]
    workspaces = {name: {"workspace": str(program.work)} for name in names}
    program.write_config(provider.config(agents=workspaces))
    done = [program.finish(process) for process in [program.start_agent(name, f"hello {name}") for name in names]]
    assert [d.json["text"] for d in done] == [f"you said hello {name}" for name in names]
    assert [r["status"] for r in program.runs("--all")] == ["succeeded"] * 4


def test_missing_workspace_reaches_no_provider(ready: Any, provider: Any) -> None:
    (ready.work / "lane0").rmdir()
    done = ready.agent("lane0", "hello")
    assert (done.status, done.code) == (1, "workspace-missing")
    assert provider.requests == []


def test_half_a_surrogate_pair_harms_nobody(ready: Any, provider: Any) -> None:
    done = ready.agent("lane0", "run: printf '\\355\\240\\200'")
    assert done.status == 0
    assert ready.run("runs", "show", done.json["run"]["id"]).status == 0
    plain = ready.finish(ready.start("agent", "--local", "--agent", "lane0", "--message", "again"))
    assert plain.status == 0


def test_steps_are_bounded(ready: Any, provider: Any) -> None:
    ready.write_config(ready.config() | {"limits": {"maxSteps": 1}})
    done = ready.agent("lane0", "run: true")
    assert (done.status, done.code) == (1, "too-many-steps")
    assert len(provider.requests) == 1
    assert [r["role"] for r in ready.transcript("lane0")] == ["user", "assistant", "tool"]
