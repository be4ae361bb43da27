"""From a trial to a result: what must not get through, what must be counted, what must be said."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from fakes.oauth import OAuthSettings
from fakes.oauth.state import OAuthState
from harness.campaign import Campaign
from harness.checkers.judge import judge
from harness.commands.rejudge import rejudge
from harness.errors import UsageError
from harness.events import Event, FaultPlanned, History, Noted, ProcessSeen, SurvivorSeen, TreeSeen
from harness.places import RULES_FILE
from harness.plan import Arm, Plan
from harness.runner import CommandLine, Trial
from harness.scenario import Rule, load_rules
from harness.session.recording import OTHER_PLANS, UNSEALED, target_facts, to_record, to_result
from harness.session.screen import command_line, explain, table
from harness.targets.reference import ReferenceTarget
from harness.verdict import Finding, Judgement, Verdict
from reports.record import Record, Result, load
from reports.writer import write
from scenarios.test_config import test_unknown_keys as SCENARIO
from tests.harness.histories import add, exited, file, fired, history, hung, listing, start

ROOT = "/tmp/pileup-1234/run-abcd"
SEEDED = OAuthState(OAuthSettings(), time.time).seed("codex", account="a")
SECRETS = (SEEDED.refresh_token, SEEDED.access_token, "sk-ant-api03-abcdefgh", "opaque-gateway-password")
EVERYWHERE = f"{ROOT}/home says {SEEDED.refresh_token} and {SEEDED.access_token} and sk-ant-api03-abcdefgh"
RECORD = SCENARIO.scenario  # type: ignore[attr-defined]
WHERE = "scenarios/test_config.py::test_unknown_keys"


def trial(verdict: Verdict = Verdict.CONFORMS, **changes: Any) -> Trial:
    facts: dict[str, Any] = {
        "plan": Plan(scenario="unknown_keys", target="reference", seed=1), "judgement": Judgement(verdict=verdict),
        "history": History(()), "commands": (), "files": (), "root": ROOT, "seconds": 1.0, "conducted": True,
    }  # fmt: skip
    return Trial(**{**facts, **changes})


def result(*fault: Trial, control: tuple[Trial, ...] = (), where: str = WHERE) -> Result:
    whole = Campaign(scenario=RECORD, control=control, fault=fault)
    return to_result(whole, where=where)


def leaky() -> Trial:
    process = ProcessSeen(pid=2, parent=1, actor="a", command=EVERYWHERE)
    return trial(
        Verdict.VIOLATED,
        judgement=Judgement(
            verdict=Verdict.VIOLATED, findings=(Finding(rule="CFG-6", message=EVERYWHERE),), notes=(EVERYWHERE,)
        ),
        history=history(
            start("a", "agents add", name=EVERYWHERE), exited("a"),
            add("b", stdout=EVERYWHERE, stderr=EVERYWHERE, message=EVERYWHERE, text=EVERYWHERE, agents=(EVERYWHERE,)),
            TreeSeen(when="now", processes=(process,)), SurvivorSeen(actor="a", pid=2, command=EVERYWHERE),
            file(path=f"{ROOT}/home/config.json"), Noted(text=EVERYWHERE),
        ),
        commands=(
            CommandLine(
                actor="a", argv=(f"{ROOT}/bin/cli", EVERYWHERE, "--api-key=sk-ant-api03-abcdefgh"),
                env=(("HOME", f"{ROOT}/home"), ("GATEWAY_PASSWORD", SECRETS[3]), ("OPENAI_API_KEY", SECRETS[3]),
                     ("SESSION_TOKEN", SECRETS[3]), ("PATH", f"{ROOT}/bin")),
            ),
        ),
        files=((f"{ROOT}/home/config.json", EVERYWHERE, json.dumps({"k": EVERYWHERE})), ("other", None, EVERYWHERE)),
    )  # fmt: skip


def test_no_secret_and_no_path_of_the_run_reaches_a_result() -> None:
    text = json.dumps(asdict(result(leaky())), ensure_ascii=False)
    assert [secret for secret in (*SECRETS, ROOT) if secret in text] == []
    assert text.count("«redacted:") > 20
    assert "LAB/home says" in text
    [command] = result(leaky()).commands
    assert command.startswith("a: HOME=LAB/home GATEWAY_PASSWORD=")
    assert "PATH=" not in command


def test_a_redacted_history_can_be_read_again() -> None:
    events = result(leaky()).history
    assert [type(Event.from_json(event).what) for event in json.loads(json.dumps(events))] == [
        type(event.what) for event in leaky().history.events
    ]


def test_arms_are_counted() -> None:
    whole = result(*map(trial, Verdict), control=(trial(Verdict.VIOLATED), trial()))
    assert asdict(whole.fault_arm) == {"runs": 4, "violated": 1, "inconclusive": 1, "unknown": 1}
    assert asdict(whole.control_arm) == {"runs": 2, "violated": 1, "inconclusive": 0, "unknown": 0}
    assert (whole.verdict, whole.seconds) == ("VIOLATED", 7.0)


def test_what_is_unsupported_counts_as_no_run() -> None:
    whole = result(
        trial(Verdict.UNSUPPORTED, root="", judgement=Judgement(verdict=Verdict.UNSUPPORTED, notes=("why",)))
    )
    assert (whole.verdict, whole.fault_arm.runs, whole.control_arm.runs, whole.notes) == ("UNSUPPORTED", 0, 0, ("why",))


def test_what_no_run_of_this_kind_can_show_is_said() -> None:
    assert result(trial()).not_verified == (OTHER_PLANS,)
    assert result(trial(conducted=False)).not_verified == (OTHER_PLANS, UNSEALED)
    assert result(trial(Verdict.UNSUPPORTED)).not_verified == ()


def test_findings_of_the_control_arm_say_so() -> None:
    finding = Finding(rule="CFG-6", message="broke", evidence=(3,))
    broken = trial(Verdict.VIOLATED, judgement=Judgement(verdict=Verdict.VIOLATED, findings=(finding,)))
    control = replace(broken, plan=replace(broken.plan, arm=Arm.CONTROL))
    [told] = result(trial(), control=(control,)).findings
    assert (told.rule, told.message, told.evidence) == ("CFG-6", "already without the fault: broke", (3,))
    assert result(trial(), control=(control,)).token.endswith("!control")
    assert result(broken, control=(control,)).findings[0].message == "broke"


@pytest.mark.parametrize(
    "target", ["reference", "my dir/it's $(x) #2.py:Target", 'a"b`c\\d!e.py:t', "openclaw@1;rm -rf"]
)
@pytest.mark.parametrize("arm", Arm)
def test_the_replay_command_gives_a_shell_the_token_back(target: str, arm: Arm) -> None:
    plan = Plan(scenario="unknown_keys", target=target, seed=3, arm=arm)
    whole = result(trial(plan=plan), where="my scenarios/test_it's.py::test_x")
    words = shlex.split(whole.replay)
    assert words[0] == "pytest"
    assert words[-2:] == ["--replay", plan.token] == ["--replay", whole.token]
    assert Plan.parse(words[-1]) == plan


RULES = load_rules(RULES_FILE)


def recorded(*results: Result, rules: dict[str, Rule] = RULES, **how: Any) -> Record:
    return to_record(
        results, target_facts(ReferenceTarget()), rules, command="pytest --key sk-ant-api03-abcdefgh", seed=1,
        conducted=True, **how,
    )  # fmt: skip


def test_a_record_survives_its_file_and_can_be_shown(tmp_path: Path) -> None:
    record = recorded(result(leaky()), notes=("n",), interrupted=True)
    write(record, tmp_path)
    loaded = load(tmp_path / "record.json")
    assert replace(loaded, results=()) == replace(record, results=())
    assert [rule.id for rule in loaded.rules] == ["CFG-6"]
    assert "sk-ant" not in (tmp_path / "record.json").read_text()
    lines = [line.text for line in table(loaded)]
    assert lines[0].startswith("CFG-6  unknown-keys-survive  unknown_keys  VIOLATED")
    assert lines[-1] == "1 VIOLATED"
    said = explain(loaded.results[0])
    assert said.startswith("CFG-6 VIOLATED: ")
    assert "replay: pytest scenarios/test_config.py --replay" in said


def test_the_order_in_which_workers_end_does_not_show() -> None:
    whole = result(trial())
    some = [replace(whole, rule=rule, scenario=name) for rule, name in (("CFG-8", "a"), ("CFG-1", "z"), ("CFG-1", "b"))]
    record = recorded(*some)
    assert [(told.rule, told.scenario) for told in record.results] == [("CFG-1", "b"), ("CFG-1", "z"), ("CFG-8", "a")]
    assert record.rules[0].sources[0] == "openclaw #43367"


def test_a_session_without_a_verdict_says_so() -> None:
    assert [line.text for line in table(recorded())] == ["no verdict"]


# -- judged again ------------------------------------------------------------------------------------------------------

KEYS = {"keys": {"x-a": "1"}}
WHOLE = (fired("unknown keys in the config"), file(facts=KEYS), *add("lane1"), *listing("lane1"), file(facts=KEYS))


def judged(*events: Any, failures: tuple[str, ...] = (), **changes: Any) -> Result:
    whole = history(FaultPlanned(fault="unknown keys in the config"), *events)
    judgement = judge(RECORD.judges, whole, failures, fault=RECORD.fault)
    facts = {"verdict": judgement.verdict.value, **changes}
    return replace(result(trial(judgement=judgement, history=whole)), **facts)


CASES = [
    ("CONFORMS", judged(*WHOLE)),
    ("VIOLATED", judged(*WHOLE[:-1], file(facts={"keys": {}}))),
    ("INCONCLUSIVE", judged(*WHOLE[1:])),
    ("UNKNOWN", judged(*WHOLE[:-1])),
    ("UNKNOWN", judged(*WHOLE, hung("x"))),
    ("UNKNOWN", judged(*WHOLE, failures=("the scenario could not go on",))),
]


@pytest.mark.parametrize(("verdict", "whole"), CASES)
def test_a_history_gets_the_same_verdict_again(verdict: str, whole: Result) -> None:
    assert whole.verdict == verdict
    [again] = rejudge(recorded(whole))
    assert (again.before, again.now) == (verdict, verdict)
    assert set(again.reasons) >= set(whole.notes)


def test_another_verdict_is_told_with_its_reasons() -> None:
    [again] = rejudge(recorded(replace(CASES[1][1], verdict="CONFORMS")))
    assert (again.before, again.now) == ("CONFORMS", "VIOLATED")
    assert "lost or changed what the program does not know: x-a" in again.reasons[0]


def test_a_control_run_is_judged_as_one() -> None:
    whole = judged(*WHOLE[1:], token="unknown_keys@reference#1!control", verdict="CONFORMS")
    assert [again.now for again in rejudge(recorded(whole))] == ["CONFORMS"]


def test_without_a_history_there_is_nothing_to_judge() -> None:
    assert list(rejudge(recorded(replace(CASES[0][1], history=())))) == []


DAMAGED = [
    ({"where": "scenarios/test_config.py::test_vanished"}, "is not here any more"),
    ({"where": "scenarios/test_vanished.py::test_x"}, "is not here any more"),
    ({"where": "scenarios/test_config.py"}, "is not here any more"),
    ({"where": "scenarios/test_config.py::LANES"}, "is not here any more"),
    ({"where": ""}, "is not here any more"),
    ({"where": "../../etc/x.py::y"}, "is not here any more"),
    ({"where": "/etc/x.py::y"}, "is not here any more"),
    ({"where": "a\0b.py::y"}, "is not here any more"),
    ({"where": "harness/lab/lab.py::Lab"}, "is not here any more"),
    ({"token": "nonsense"}, "is not a replay token"),
    ({"history": ({"seq": 0, "at": 0.0, "kind": "Vanished"},)}, "an event that is not known here"),
    ({"history": ({"seq": 0, "at": 0.0},)}, "an event that is not known here"),
    ({"history": ({"seq": "0", "at": 0.0, "kind": "Hung", "actor": "a", "seconds": 1},)}, "an event that is not known"),
    ({"history": ({"seq": 0, "at": 0.0, "kind": "Hung", "actor": "a", "seconds": "x"},)}, "an event that is not known"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "said"), DAMAGED, ids=lambda case: str(case)[:40])
def test_a_damaged_record_is_refused_with_the_reason(damage: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        list(rejudge(recorded(replace(CASES[0][1], **damage))))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["/v/bin/pytest", "scenarios/", "-k", "a or b"], "pytest scenarios/ -k 'a or b'"),
        (["/v/site-packages/pytest/__main__.py", "scenarios/"], "pytest scenarios/"),
    ],
)
def test_a_session_is_told_as_one_types_it(argv: list[str], said: str) -> None:
    assert command_line(argv) == said


def test_what_a_target_says_stays_on_its_line_of_the_terminal() -> None:
    forged = "x\nCFG-1  acknowledged-add-survives  CONFORMS\r\n1 CONFORMS" + "y" * 10**6
    finding = Finding(rule="CFG-6", message=forged)
    broken = trial(Verdict.VIOLATED, judgement=Judgement(verdict=Verdict.VIOLATED, findings=(finding,)))
    told = replace(result(broken), schedule=("   0 *  a.1: openat home/x\n1 CONFORMS",))
    said = explain(told).splitlines()
    assert not [line for line in said if line.startswith(("CFG-1", "1 CONFORMS"))]
    assert max(map(len, said)) < 1100
    assert any(line.endswith("more characters)") for line in said)
    beside = replace(told, verdict="UNSUPPORTED", notes=(forged,))
    assert not [row for row in table(recorded(beside)) if "\n" in row.text]
