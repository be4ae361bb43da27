"""Runs that a turn delegates: they go on beside it, die with it, and are told of once (MSG-4, CHD-1, CHD-2)."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from reference import delegation
from reference.deadline import Deadline
from reference.home import Home
from reference.messages import Message
from reference.runs import Registry
from reference.transcript import Transcript


def delegate(agent: object, message: object, **more: object) -> tuple[str, dict[str, object]]:
    return "delegate", {"agent": agent, "message": message, **more}


def asking(*calls: tuple[str, dict[str, object]]) -> str:
    """The message on which the provider makes these tool calls at once."""
    return f"calls: {json.dumps(calls)}"


def told(program: Any, agent: str = "lane0") -> list[str]:
    """What an agent was told of delegated runs, by its transcript."""
    return [record["text"] for record in program.transcript(agent) if "delivers" in record]


def children(program: Any) -> list[dict[str, Any]]:
    return [run for run in program.runs("--all") if run["parent"]]


def test_result_is_told_once_and_the_run_is_listed_with_its_parent(ready: Any, provider: Any) -> None:
    done = ready.agent("lane0", asking(delegate("lane1", "hello")))
    assert done.status == 0
    [child] = children(ready)
    assert (child["parent"], child["agent"], child["status"]) == (done.json["run"]["id"], "lane1", "succeeded")
    assert ready.run("runs", "show", child["id"]).json["run"]["parent"] == child["parent"]
    [record] = [record for record in ready.transcript("lane0") if "delivers" in record]
    assert record["delivers"] == child["id"]
    assert "you said hello" in record["text"]
    assert ready.agent("lane0", "again").status == 0
    assert "Its answer:\\nyou said hello" in json.dumps(provider.requests[-1])
    assert told(ready) == [record["text"]]
    assert [job["status"] for run in ready.runs("--all") for job in run["jobs"]] == ["ended"]


def test_delegated_runs_go_on_at_the_same_time_and_are_waited_for(ready: Any, provider: Any) -> None:
    ready.add("lane2")
    parent = ready.start_agent("lane0", asking(delegate("lane1", "stall"), delegate("lane2", "stall")))
    provider.wait_for(4)  # the parent's two, and one of each child
    assert parent.poll() is None
    provider.released.set()
    assert ready.finish(parent).status == 0
    assert sorted(run["agent"] for run in children(ready)) == ["lane1", "lane2"]
    assert ["released" in text for text in told(ready)] == [True, True]


@pytest.mark.parametrize(
    ("agent", "message", "code"),
    [("lane1", "status: 400", "bad-request"), ("nobody", "hello", "unknown-agent"), ("lane0", "hello", "session-busy")],
)
def test_failure_is_told_with_its_code_and_with_what_was_asked(ready: Any, agent: str, message: str, code: str) -> None:
    done = ready.agent("lane0", asking(delegate(agent, message)))
    assert done.status == 0
    [child] = children(ready)
    assert (child["status"], child["error"]["code"]) == ("failed", code)
    [text] = told(ready)
    assert child["id"] in text
    assert code in text
    assert text.endswith(f"{message}\n</system-reminder>")


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (delegate("LANE1", "hello"), "bad-name"),
        (delegate("lane1", "  "), "bad-message"),
        (delegate("lane1", 7), "bad-request"),
        (delegate("lane1", "hello", session=3), "bad-request"),
        (delegate("lane1", "'" * 90_000), "message-too-large"),
    ],
)
def test_mistakes_of_the_model_start_nothing(ready: Any, call: Any, code: str) -> None:
    assert f"[error: {code}: " in ready.agent("lane0", "calls: " + json.dumps([call])).json["text"]
    assert children(ready) == []


def test_depth_is_bounded(ready: Any) -> None:
    ready.write_config(ready.config() | {"limits": {"maxDepth": 1}})
    done = ready.agent("lane0", asking(delegate("lane1", asking(delegate("lane0", "hello", session="deep")))))
    assert done.status == 0
    [child] = children(ready)
    assert "delegation-too-deep" in ready.run("runs", "show", child["id"]).json["text"]


def test_delegated_run_may_use_the_workspace_of_its_parent(ready: Any) -> None:
    ready.agent("lane0", asking(delegate("lane0", "run: pwd", session="side")))
    assert [run["status"] for run in children(ready)] == ["succeeded"]
    assert str(ready.work / "lane0") in told(ready)[0]


def test_killed_parent_takes_its_children_along_and_its_session_is_told(ready: Any, provider: Any, until: Any) -> None:
    parent = ready.start_agent("lane0", asking(delegate("lane1", "hello"), delegate("lane1", "stall", session="s")))
    provider.wait_for(4)
    until(lambda: any(run["status"] == "succeeded" for run in children(ready)), "the first child has ended")
    parent.kill()
    parent.wait(10)
    until(lambda: ready.runs() == [], "nothing of it runs any more")
    for message in ("next", "last"):
        assert ready.agent("lane0", message).status == 0
    texts = told(ready)
    assert len(texts) == 2
    assert sum("you said hello" in text for text in texts) == 1
    [failed] = [text for text in texts if "has no result" in text]
    assert "was cancelled: terminated" in failed
    assert failed.endswith("stall\n</system-reminder>")


@pytest.mark.parametrize(("words", "status"), [(("--timeout", "2"), 124), ((), 143)])
def test_stopped_parent_ends_its_children(ready: Any, provider: Any, words: Any, status: int) -> None:
    parent = ready.start_agent("lane0", asking(delegate("lane1", "stall")), *words)
    provider.wait_for(3)
    if status == 143:
        parent.send_signal(signal.SIGTERM)
    assert ready.finish(parent).status == status
    assert ready.runs() == []
    assert [run["status"] for run in children(ready)] == ["cancelled"]


def test_cancelled_child_is_told_as_cancelled(ready: Any, provider: Any) -> None:
    parent = ready.start_agent("lane0", asking(delegate("lane1", "stall")))
    provider.wait_for(3)
    [child] = children(ready)
    assert ready.run("runs", "cancel", child["id"]).status == 0
    assert ready.finish(parent).status == 0
    assert "was cancelled" in told(ready)[0]


def test_command_that_is_cut_off_does_not_end_delegated_runs(ready: Any, provider: Any) -> None:
    """Both are child work of one process, which takes down the orphans of the one and must know the other."""
    command = ("exec", {"command": "sleep 60", "timeout": 0.3})
    parent = ready.start_agent("lane0", asking(delegate("lane1", "stall"), command))
    provider.wait_for(3)
    provider.released.set()
    assert ready.finish(parent).status == 0
    assert [run["status"] for run in children(ready)] == ["succeeded"]


def test_gateway_runs_delegate_too(ready: Any, until: Any) -> None:
    ready.start("gateway", "run", "--json")
    until(lambda: (ready.home / "gateway.sock").exists(), "the gateway listens")
    done = ready.finish(ready.start_agent("lane0", asking(delegate("lane1", "hello"))))
    assert done.json["via"] == "gateway"
    assert "you said hello" in told(ready)[0]


def test_transcript_says_what_was_delivered(program: Any) -> None:
    """A crash right after the record was written: whoever goes on with the session finds it there."""
    home = Home(str(program.home)).make()
    later = Deadline.after(5)
    with Registry.open(home, later) as registry:
        registry.start("r-parent", "lane0", "main", pid=1, via="local")
        registry.delegate("r-child", "lane1", "main", pid=1, parent="r-parent", message="do it")
        registry.finish("r-child", "succeeded", text="did it")
        [row] = registry.delegated("lane0", "main", without=())
        assert registry.delegated("lane0", "other", without=()) == []
        transcript = Transcript(home.transcript("lane0", "main"), "r-parent")
        transcript.begin(Message(role="user", text="begin"), later)
        transcript.append(delegation.news(row), later)
        resumed = Transcript(home.transcript("lane0", "main"), "r-next")
        messages = resumed.begin(Message(role="user", text="go on"), later)
        assert [message.delivers for message in messages] == ["", "r-child", ""]
        assert registry.delegated("lane0", "main", without=[message.delivers for message in messages]) == []
