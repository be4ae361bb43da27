"""Runs that a turn delegates: they go on beside it, die with it, and are told of once (MSG-4, CHD-1, CHD-2)."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from typing import Any

import pytest

from reference import identity, variants
from reference.deadline import Deadline
from reference.home import Home
from reference.messages import Message
from reference.parts import Parts
from reference.request import Request
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
    ready.add("lane2")  # runs in one workspace take turns, and the one that stalls may be the first
    parent = ready.start_agent("lane0", asking(delegate("lane1", "hello"), delegate("lane2", "stall")))
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


def test_run_that_had_not_begun_when_its_parent_died_is_told_of(ready: Any) -> None:
    """It is on record before its first instruction."""
    assert ready.agent("lane0", "hello").status == 0
    with Registry.open(Home(str(ready.home)), Deadline.after(5)) as registry:
        [parent] = registry.list_runs(everything=True)
        registry.delegate("r-child", "lane1", "main", pid=2**22 + 1, parent=parent["id"], message="do it")
    assert ready.agent("lane0", "next").status == 0
    assert [("r-child" in text, "was interrupted" in text, "do it" in text) for text in told(ready)] == [(True,) * 3]


class Killed(BaseException):
    """Stands for SIGKILL."""


class Cut(Transcript):
    """Dies right before its second record, or right after it."""

    def append(self, message: Message, deadline: Deadline) -> None:
        """Its run is named after when it dies."""
        if self.run_id == "after":
            super().append(message, deadline)
        raise Killed


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize(
    ("variant", "times"),
    [("", (1, 1)), ("results-delivered-twice", (1, 2)), ("results-marked-too-early", (0, 1))],
)
def test_how_often_a_result_is_told_across_a_crash(
    program: Any, variant: str, times: tuple[int, int], cut: str
) -> None:
    parts = variants.parts(variant, Parts.default()) if variant else Parts.default()
    home, later = Home(str(program.home)).make(), Deadline.after(20)
    request = Request.checked(agent="lane0", message="go on", session=None, timeout=None, run_id="r-parent")
    path = home.transcript("lane0", "main")
    with Registry.open(home, later) as registry:
        registry.start("r-parent", "lane0", "main", pid=1, via="local")
        registry.delegate("r-child", "lane1", "main", pid=1, parent="r-parent", message="do it")
        registry.finish("r-child", "succeeded", text="did it")
        registry.delegate("r-other", "lane1", "main", pid=1, parent="r-elsewhere", message="not ours")
        for transcript in (Cut(path, cut), Transcript(path, "r-next")):
            messages = transcript.begin(Message(role="user", text="go on"), later)
            with suppress(Killed), parts.delegation(parts, home, request, {}, registry) as ours:
                ours.deliver(transcript, messages, later)
    assert [m.delivers for m in messages if m.delivers] == ["r-child"] * times[cut == "after"]


def test_result_is_dropped_by_the_variant_that_announces_it_to_a_busy_parent(ready: Any, until: Any) -> None:
    command = "until test -e go; do sleep 0.05; done"
    words = ("agent", "--local", "--json", "--agent", "lane0", "--message")
    message = asking(delegate("lane1", "hello"), ("exec", {"command": command}))
    parent = ready.start(*words, message, variant="results-dropped-when-busy")
    child = until(lambda: [run for run in children(ready) if run["status"] == "succeeded"], "the child has ended")[0]
    until(lambda: identity.start_time(child["pid"]) != child["start_time"], "and has given up")
    (ready.work / "lane0" / "go").touch()
    assert ready.finish(parent).status == 0
    assert ready.finish(ready.start(*words, "next", variant="results-dropped-when-busy")).status == 0
    assert told(ready) == []


@pytest.mark.parametrize(("name", "told_of"), [("results-told-to-every-main", 1), ("stdout-noise", 0)])
def test_what_another_agent_is_told(ready: Any, name: str, told_of: int) -> None:
    assert ready.agent("lane0", asking(delegate("lane1", "hello"))).status == 0
    ready.agent("lane1", "hello", variant=name)
    records = [record for record in ready.transcript("lane1") if record.get("delivers")]
    assert len(records) == told_of


def test_background_work_of_a_delegated_run_is_refused(ready: Any) -> None:
    """It would end with that run, whatever its model was told."""
    assert ready.agent("lane0", asking(delegate("lane1", "background: touch made; sleep 60"))).status == 0
    [text] = [record["text"] for record in ready.transcript("lane1") if record["role"] == "tool"]
    assert text.startswith("[error: ")
    assert not (ready.work / "lane1" / "made").exists()
    assert [run["jobs"] for run in children(ready)] == [[]]
