"""When a scenario that waits at a gate of the fakes goes on although not everybody has come."""

from __future__ import annotations

import asyncio

from fakes.script import Match, Rule, Text
from harness.events import ReplyHeld
from harness.plan import Arm, Plan
from harness.runner import Ground, run
from harness.scenario import WATCH_CONTENTION, scenario
from harness.targets.protocol import Raw, Setup
from harness.verdict import Verdict
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

    what = scenario("LCK-1", fault="held", judges=[lambda _: []], watch=WATCH_CONTENTION)(test_gate).scenario
    plan = Plan(scenario=what.name, target="toy", seed=1, arm=Arm.FAULT)
    ground = Ground(launcher=launcher, conducted=True, folder=tmp_path)
    found = loop_runner.run(run(what, Toy(), plan, ground))
    assert found.judgement.verdict is Verdict.CONFORMS, found.judgement.notes
    assert len(list(found.history.of(ReplyHeld))) >= 1
