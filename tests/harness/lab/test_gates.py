"""When a scenario that waits at a gate of the fakes goes on although not everybody has come, and how long it waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fakes.script import Match, Rule, Text
from harness.events import Hung, ReplyHeld
from harness.lab import gates
from harness.plan import Arm, Plan
from harness.runner import Ground, run
from harness.scenario import WATCH_CONTENTION, scenario
from harness.targets.protocol import Raw, Setup
from harness.verdict import Finding, Verdict
from tests.harness.toy import POLLS_FLOCK, Toy

ASKS_UNDER_A_LOCK = (
    POLLS_FLOCK
    + """
import json, sys, urllib.request
body = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": "[[ask]] hi"}]}
request = urllib.request.Request(sys.argv[1] + "/v1/messages", json.dumps(body).encode())
request.add_header("content-type", "application/json"); request.add_header("x-api-key", "sk-ant-test")
urllib.request.urlopen(request)
"""
)


GIVES_UP = """
import http.client, json, sys
fakes = http.client.HTTPConnection(sys.argv[1].removeprefix("http://"), timeout=1)
body = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": "[[ask]] hi"}]}
try:
    fakes.request("POST", "/v1/messages", json.dumps(body), {"content-type": "application/json", "x-api-key": "k"})
    fakes.getresponse()
except TimeoutError:
    fakes.close()
"""
WORKS = "import time\nwhile time.process_time() < 3: pass"


def ran(loop_runner, launcher, tmp_path, body, judge=lambda _: []) -> Any:
    """The trial of a scenario with this body, on a toy."""
    what = scenario("LCK-1", fault="held", judges=[judge], watch=WATCH_CONTENTION)(body).scenario
    plan = Plan(scenario=what.name, target="toy", seed=1, arm=Arm.FAULT)
    return loop_runner.run(run(what, Toy(), plan, Ground(launcher=launcher, conducted=True, folder=tmp_path)))


def test_who_only_asks_for_what_is_taken_is_not_waited_for(loop_runner, launcher, tmp_path) -> None:
    async def test_gate(lab) -> None:
        """Three ask one after the other."""
        lab.prepare(Setup())
        lab.script(Rule("held", Match(), (Text("done", gate="gate"),)))
        lab.hold("gate")
        asked = Raw(words=(ASKS_UNDER_A_LOCK, lab.fakes.url))
        runs = [await lab.start(asked, name) for name in ("one", "two", "three")]
        async with asyncio.timeout(lab.patience / 2):  # below what is held at all
            await lab.reached("gate", parties=3, by=runs)
        lab.release("gate")
        assert [(await each.finished()).ok for each in runs] == [True, True, True]

    found = ran(loop_runner, launcher, tmp_path, test_gate)
    assert found.judgement.verdict is Verdict.CONFORMS, found.judgement.notes
    assert len(list(found.history.of(ReplyHeld))) >= 1


def test_patience_is_that_of_a_commands_start(loop_runner, launcher, tmp_path) -> None:
    async def test_patience(lab) -> None:
        """One is given half a second, and the next what all are given."""
        lab.prepare(Setup())
        patience, lab.patience = lab.patience, 0.5
        short = await lab.start(Raw(words=("import time; time.sleep(60)",)), "short")
        lab.patience = patience
        await short.finished()

    found = ran(loop_runner, launcher, tmp_path, test_patience)
    assert [(what.actor, what.seconds) for _, what in found.history.of(Hung)] == [("short", 0.5)]


@pytest.mark.parametrize(("patience", "verdict"), [(0.2, Verdict.UNKNOWN), (60.0, Verdict.VIOLATED)])
def test_what_a_client_does_that_gave_up_on_a_held_reply_is_not_judged(
    loop_runner, launcher, tmp_path, monkeypatch, patience, verdict
) -> None:
    async def test_gate(lab) -> None:
        """One waits for its reply, and one works on."""
        lab.prepare(Setup())
        lab.script(Rule("held", Match(), (Text("done", gate="gate"),)))
        lab.hold("gate")
        runs = [
            await lab.start(Raw(words=words), name)
            for name, words in (("asks", (GIVES_UP, lab.fakes.url)), ("works", (WORKS,)))
        ]
        await lab.reached("gate", parties=2, by=runs)

    monkeypatch.setattr(gates, "PATIENCE_SECONDS", patience)
    judgement = ran(
        loop_runner, launcher, tmp_path, test_gate, lambda _: [Finding(rule="LCK-1", message="bad")]
    ).judgement
    assert judgement.verdict is verdict
    notes = " ".join(judgement.notes)
    assert ("gave up on its reply, held at gate" in notes) is (verdict is Verdict.UNKNOWN)
