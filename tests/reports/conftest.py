"""Records written out literally: a lost update, a refresh storm, survivors, hostile text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reports.record import ArmFacts, FileChange, FindingFacts, Record, Result, RuleFacts, TargetFacts

Events = tuple[Mapping[str, Any], ...]

HOSTILE = (
    "`tick` ```fence``` | pipe \\| <script>alert(1)</script> </details> </code> <!-- "
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 *bold* _it_ [link](javascript:alert(1)) "
    "![i](http://evil.example/x.png) http://evil.example www.evil.example "
    "@everyone #1 GH-2 &amp; {{ 7*7 }} {% raw %} \u202egnirts\u202c \u200b\ud800 \x00\x07\x9b end"
)


def numbered(*events: Mapping[str, Any]) -> Events:
    """Give the events the numbers and times that a journal would."""
    return tuple(
        {"seq": seq, "at": event.pop("at", seq * 0.004), **event} for seq, event in enumerate(map(dict, events), 1)
    )


def result(**changes: Any) -> Result:
    facts: dict[str, Any] = {
        "scenario": "four_adds_at_once",
        "title": "Four agents are added at once.",
        "where": "scenarios/test_config.py::test_four_adds_at_once",
        "rule": "CFG-1",
        "verdict": "CONFORMS",
        "findings": (),
        "fault": "four adds read the config before any of them writes it",
        "fault_arm": ArmFacts(runs=20, violated=0),
        "control_arm": ArmFacts(runs=5, violated=0),
        "replay": "pileup replay CFG-1.7f3a",
        "token": "CFG-1.7f3a",
        "seconds": 1.25,
    }
    return Result(**{**facts, **changes})


def record(*results: Result, target: str = "reference", version: str = "0.1.0", **changes: Any) -> Record:
    facts: dict[str, Any] = {
        "created": "2026-03-08T10:00:00Z",
        "pileup": "0.1.0",
        "command": "pytest scenarios/ --target openclaw@2026.3.8",
        "seed": 7,
        "machine": {"kernel": "Linux 6.8.0", "python": "3.11.9", "processors": "4", "conductor": "seccomp notify"},
        "target": TargetFacts(name=target, version=version, argv=("node", "openclaw.mjs")),
        "rules": RULES,
        "results": results,
    }
    return Record(**{**facts, **changes})


RULES = (
    RuleFacts(
        id="CFG-1",
        name="acknowledged-add-survives",
        level="MUST",
        statement="Every add that exited 0 is listed, every other exited non-zero.",
        sources=("https://github.com/openclaw/openclaw/issues/43367", "OC#79230"),
        reason="Whoever read exit status 0 relies on it.",
        definite=True,
    ),
    RuleFacts(
        id="AUT-1",
        name="single-flight",
        level="MUST",
        statement="N processes, one expired credential: one redemption per token generation, all N succeed.",
    ),
    RuleFacts(
        id="CHD-1",
        name="cancelled-means-dead",
        level="MUST",
        statement="After success, error, time-out, SIGINT or SIGTERM no unaccounted descendant survives.",
        definite=False,
    ),
)

LANES = ("add-lane1", "add-lane2", "add-lane3", "add-lane4")
CONFIG = "~/.openclaw/openclaw.json"


def _outcome(ok: bool, **fields: Any) -> dict[str, Any]:
    return {
        "ok": ok,
        "kind": "ok" if ok else "local",
        "exit_status": 0 if ok else 1,
        "code": "",
        "message": "",
        **fields,
    }


def _add(actor: str, pid: int) -> dict[str, Any]:
    name = actor.removeprefix("add-")
    argv = [
        "node",
        "openclaw.mjs",
        "agents",
        "add",
        name,
        "--non-interactive",
        "--workspace",
        f"~/ws/{name}",
        "--json",
    ]
    return {
        "kind": "Started",
        "actor": actor,
        "verb": "agents-add",
        "params": {"name": name},
        "argv": argv,
        "pid": pid,
    }


def lost_update_history() -> Events:
    """Four adds meet at a barrier before the first rename, so that three of them are overwritten."""
    held = [{"kind": "CallHeld", "actor": lane, "call": "rename", "path": CONFIG, "index": 41} for lane in LANES]
    freed = [
        {
            "kind": "CallReleased",
            "actor": lane,
            "call": "rename",
            "path": CONFIG,
            "index": 41,
            "why": "barrier",
        }
        for lane in LANES
    ]
    ends: list[dict[str, Any]] = []
    for lane in LANES:
        ends += [
            {"kind": "Exited", "actor": lane, "status": 0, "signal": None},
            {"kind": "TreeEnded", "actor": lane},
            {
                "kind": "Finished",
                "actor": lane,
                "verb": "agents-add",
                "outcome": _outcome(True),
                "stdout": "{}",
                "stderr": "",
                "seconds": 0.4,
            },
        ]
    seen = {
        "kind": "FileSeen",
        "role": "config",
        "path": CONFIG,
        "exists": True,
        "size": 212,
        "digest": "ab" * 32,
        "parses": True,
        "mode": 0o600,
        "facts": {"agents": ["main", "lane4"]},
    }
    return numbered(
        {"kind": "FaultPlanned", "fault": "barrier before rename"},
        *(_add(lane, 4100 + index) for index, lane in enumerate(LANES)),
        *held,
        {"kind": "FaultFired", "fault": "barrier before rename", "detail": "4 of 4 arrived"},
        *freed,
        *ends,
        seen,
    )


def lost_update() -> Result:
    before = '{\n  "agents": ["main"]\n}\n'
    after = '{\n  "agents": ["main", "lane4"]\n}\n'
    return result(
        verdict="VIOLATED",
        findings=(
            FindingFacts(
                rule="CFG-1",
                message="lane1, lane2 and lane3 were acknowledged but are not listed",
                evidence=(15, 18, 21, 27),
            ),
            FindingFacts(rule="CFG-4", message="two writers shared openclaw.json.tmp", evidence=(6, 7)),
        ),
        fault_arm=ArmFacts(runs=20, violated=20),
        control="system calls held (seccomp)",
        commands=tuple(f"HOME=~ node openclaw.mjs agents add {lane.removeprefix('add-')} --json" for lane in LANES),
        notes=("npm start-up took 0.9 s",),
        not_verified=("durability across power loss",),
        history=lost_update_history(),
        files=(
            FileChange(path=CONFIG, before=before, after=after),
            FileChange(path="~/.openclaw/x", before="a", after="a"),
        ),
    )


def refresh_storm_history() -> Events:
    events: list[dict[str, Any]] = []
    for exchange, lane in enumerate(("run-a", "run-b", "run-c", "run-d"), 1):
        events.append(
            {
                "kind": "Started",
                "actor": lane,
                "verb": "agent",
                "params": {"agent": lane[-1]},
                "argv": ["node", "openclaw.mjs", "agent", "--agent", lane[-1]],
                "pid": 5000 + exchange,
            }
        )
    for exchange in range(1, 5):
        events.append(
            {
                "kind": "RequestReceived",
                "exchange": exchange,
                "provider": "oauth",
                "model": "",
                "method": "POST",
                "path": "/oauth/token",
                "marker": "",
                "turn_step": 0,
                "rule": "",
                "stream": False,
                "bytes": 120,
                "peer_port": 40000 + exchange,
            }
        )
        events.append(
            {
                "kind": "TokenRequested",
                "exchange": exchange,
                "grant_type": "refresh_token",
                "token": "1f2e3d4c",
            }
        )
    for exchange in range(1, 5):
        decision = "rotated" if exchange == 1 else "reuse-detected"
        events.append(
            {
                "kind": "TokenAnswered",
                "exchange": exchange,
                "status": 200 if exchange == 1 else 400,
                "decision": decision,
                "family": "f1",
                "generation": 2 if exchange == 1 else None,
            }
        )
        events.append(
            {
                "kind": "ReplySent",
                "exchange": exchange,
                "provider": "oauth",
                "model": "",
                "status": 200,
                "bytes": 300,
                "frames": 1,
                "outcome": "complete",
            }
        )
    events.append(
        {
            "kind": "RequestReceived",
            "exchange": 9,
            "provider": "anthropic",
            "model": "claude-opus-4-6",
            "method": "POST",
            "path": "/v1/messages",
            "marker": "run-a",
            "turn_step": 1,
            "rule": "main",
            "stream": True,
            "bytes": 900,
            "peer_port": 40100,
        }
    )
    events.append({"kind": "ReplyHeld", "exchange": 9, "gate": "first-frame"})
    events.append(
        {
            "kind": "ReplySent",
            "exchange": 9,
            "provider": "anthropic",
            "model": "claude-opus-4-6",
            "status": 529,
            "bytes": 88,
            "frames": 1,
            "outcome": "complete",
        }
    )
    events.append(
        {
            "kind": "RequestReceived",
            "exchange": 10,
            "provider": "gemini",
            "model": "gemini-3-pro",
            "method": "POST",
            "path": "/v1beta/models/gemini-3-pro:generateContent",
            "marker": "",
            "turn_step": 1,
            "rule": "",
            "stream": False,
            "bytes": 10,
            "peer_port": 40101,
        }
    )
    for lane in ("run-a", "run-b", "run-c", "run-d"):
        ok = lane == "run-a"
        events.append({"kind": "Exited", "actor": lane, "status": 0 if ok else 1, "signal": None})
        events.append(
            {
                "kind": "Finished",
                "actor": lane,
                "verb": "agent",
                "outcome": _outcome(ok, message="invalid_grant"),
                "stdout": "",
                "stderr": "",
                "seconds": 2.0,
            }
        )
    return numbered(*events)


def refresh_storm() -> Result:
    return result(
        scenario="four_runs_one_expired_token",
        title="Four runs find one expired credential.",
        where="scenarios/test_auth.py::test_four_runs_one_expired_token",
        rule="AUT-1",
        verdict="VIOLATED",
        findings=(FindingFacts(rule="AUT-1", message="generation 1 was redeemed 4 times", evidence=(6, 8, 10, 12)),),
        fault="the access token expires before the four runs start",
        fault_arm=ArmFacts(runs=10, violated=7, inconclusive=2, unknown=1),
        control_arm=ArmFacts(runs=0, violated=0),
        history=refresh_storm_history(),
    )


def survivors_history() -> Events:
    tree = [
        {"pid": 700, "parent": 1, "actor": "run-a", "command": "node openclaw.mjs agent"},
        {"pid": 701, "parent": 700, "actor": "run-a", "command": "sh -c make"},
        {"pid": 702, "parent": 701, "actor": "run-a", "command": "make -j4"},
        {"pid": 703, "parent": 1, "actor": "run-a", "command": "heartbeat --detached"},
    ]
    return numbered(
        {
            "kind": "Started",
            "actor": "run-a",
            "verb": "agent",
            "params": {},
            "argv": ["node", "openclaw.mjs"],
            "pid": 700,
        },
        {"kind": "ChildBeat", "child": "build-a", "beats": 3, "advanced": True},
        {"kind": "TreeSeen", "when": "before the signal", "processes": tree},
        {"kind": "Signalled", "actor": "run-a", "signal": 15, "to": "process", "at": 2.0},
        {"kind": "Exited", "actor": "run-a", "status": None, "signal": 15, "at": 2.1},
        {"kind": "TreeSeen", "when": "after the grace period", "processes": tree[3:], "at": 7.1},
        {"kind": "ChildBeat", "child": "build-a", "beats": 60, "advanced": True, "at": 7.2},
        {
            "kind": "SurvivorSeen",
            "actor": "run-a",
            "pid": 703,
            "command": "heartbeat --detached",
            "listed": "",
            "at": 7.3,
        },
        {"kind": "WorkspaceSeen", "workspace": "ws-a", "when": "after", "fingerprint": "cd" * 32, "at": 7.4},
    )


def survivors() -> Result:
    return result(
        scenario="double_forked_build",
        title="A run with a double-forked build gets SIGTERM.",
        rule="CHD-1",
        verdict="VIOLATED",
        findings=(FindingFacts(rule="CHD-1", message="heartbeat (pid 703) is still alive 5 s later", evidence=(6, 8)),),
        fault="SIGTERM to the CLI",
        fault_arm=ArmFacts(runs=8, violated=8),
        history=survivors_history(),
    )


def hostile() -> Result:
    """Every text that a target controls is an attack on the report."""
    events = numbered(
        {
            "kind": "Started",
            "actor": HOSTILE,
            "verb": HOSTILE,
            "params": {HOSTILE: HOSTILE},
            "argv": [HOSTILE],
            "pid": 1,
        },
        {
            "kind": "RequestReceived",
            "exchange": 1,
            "provider": HOSTILE,
            "model": HOSTILE,
            "method": HOSTILE,
            "path": HOSTILE + "\n| a | b |\n",
            "marker": HOSTILE,
            "peer_port": 1,
        },
        {"kind": "TokenRequested", "exchange": 2, "grant_type": HOSTILE, "token": HOSTILE},
        {
            "kind": "TreeSeen",
            "when": HOSTILE,
            "processes": [
                {"pid": 1, "parent": 2, "actor": HOSTILE, "command": HOSTILE},
                {"pid": 2, "parent": 1, "actor": "x", "command": "cycle"},
            ],
        },
        {"kind": "SurvivorSeen", "actor": HOSTILE, "pid": 1, "command": HOSTILE, "listed": HOSTILE},
        {"kind": HOSTILE, "value": HOSTILE},
        {"kind": "Noted", "text": "x" * 100_000},
    )
    return result(
        scenario=HOSTILE,
        title=HOSTILE,
        where=HOSTILE,
        rule=HOSTILE,
        verdict="VIOLATED",
        findings=(FindingFacts(rule=HOSTILE, message=HOSTILE, evidence=(1, 2, 99)),),
        fault=HOSTILE,
        replay=HOSTILE + "\n```\n# heading\n",
        commands=(HOSTILE,),
        notes=(HOSTILE, "1. not a list", "- nor this", "# nor a heading"),
        not_verified=(HOSTILE,),
        history=events,
        files=(FileChange(path=HOSTILE, before=HOSTILE + "\n", after="````\n" + HOSTILE),),
    )


@pytest.fixture
def violated() -> Record:
    """A session with one violation of each kind, something undecided and something that conforms."""
    conforming = result(scenario="unknown_keys", title="Unknown keys survive an add.", history=lost_update_history())
    undecided = result(scenario="slow_disk", verdict="UNKNOWN", title="The disk is slow.", rule="CFG-9")
    return record(
        conforming,
        lost_update(),
        undecided,
        refresh_storm(),
        survivors(),
        target="openclaw",
        version="2026.3.8",
    )


@pytest.fixture
def attacked() -> Record:
    return record(hostile(), notes=(HOSTILE,), command=HOSTILE, machine={HOSTILE: HOSTILE}, target=HOSTILE)


@pytest.fixture
def new_result() -> Callable[..., Result]:
    """A conforming result, with any field changed."""
    return result


@pytest.fixture
def new_record() -> Callable[..., Record]:
    """A record of the given results, with any field changed."""
    return record


@pytest.fixture
def storm() -> Result:
    return refresh_storm()


@pytest.fixture
def lost() -> Result:
    return lost_update()


@pytest.fixture
def survived() -> Result:
    return survivors()


@pytest.fixture
def attack() -> str:
    return HOSTILE
