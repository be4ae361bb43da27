"""Histories written out literally: one call an event, numbered from 0 in the order in which they stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, get_args

import pytest

from harness.checkers.judge import CannotDecide
from harness.events import (
    ChildBeat,
    Event,
    Exited,
    FaultFired,
    FileSeen,
    Finished,
    History,
    Hung,
    ReplySent,
    RequestReceived,
    Scheduled,
    Signalled,
    Started,
    SurvivorSeen,
    TokenAnswered,
    What,
)
from harness.outcome import Outcome, RunSeen
from harness.verdict import Finding

Checker = Callable[[History], Collection[Finding]]
KNOWN = get_args(What)


def history(*whats: What | Iterable[What]) -> History:
    """Events, or groups of them, as one history."""
    flat = [what for entry in whats for what in ([entry] if isinstance(entry, KNOWN) else entry)]  # type: ignore[union-attr]
    return History(tuple(Event(seq=seq, at=seq / 10, what=what) for seq, what in enumerate(flat)))


def start(actor: str, verb: str = "agent", *, pid: int = 100, **params: Any) -> Started:
    return Started(actor=actor, verb=verb, params=params, argv=("target",), pid=pid)


def end(
    actor: str, verb: str = "agent", *, ok: bool = True, seconds: float = 1.0, cpu: float = 0.0, queued: float = 0.0,
    stdout: str = "", stderr: str = "", **outcome: Any,
) -> Finished:  # fmt: skip
    """Fails with exit status 1 and the code "E" unless told otherwise."""
    usual = {"kind": "ok", "exit_status": 0} if ok else {"kind": "fatal", "exit_status": 1, "code": "E"}
    result = Outcome(ok=ok, **{**usual, **outcome})
    return Finished(
        actor=actor, verb=verb, outcome=result, stdout=stdout, stderr=stderr, seconds=seconds, cpu=cpu, queued=queued
    )


def turn(actor: str, *, timeout: float | None = None, **ending: Any) -> tuple[Started, Finished]:
    return start(actor, timeout=timeout), end(actor, **ending)


def add(name: str, actor: str = "", **ending: Any) -> tuple[Started, Finished]:
    who = actor or f"add-{name}"
    return start(who, "agents add", name=name, workspace="w"), end(who, "agents add", **ending)


def delete(name: str, actor: str = "", **ending: Any) -> tuple[Started, Finished]:
    who = actor or f"delete-{name}"
    return start(who, "agents delete", name=name), end(who, "agents delete", **ending)


def listing(*agents: str, actor: str = "list", **ending: Any) -> tuple[Started, Finished]:
    return start(actor, "agents list"), end(actor, "agents list", **{"agents": agents, **ending})


def runs_listed(actor: str, agent: str, status: str, *, run: str = "r-1", pid: int = 7) -> tuple[Started, Finished]:
    """A list of runs with one line."""
    line = RunSeen(id=run, agent=agent, status=status, pid=pid)
    return start(actor, "runs list"), end(actor, "runs list", runs=(line,))


def exited(actor: str, status: int | None = 0, number: int | None = None) -> Exited:
    return Exited(actor=actor, status=status, signal=number)


def signalled(actor: str, number: int, to: str = "process") -> Signalled:
    return Signalled(actor=actor, signal=number, to=to)


def hung(actor: str, seconds: float = 60) -> Hung:
    return Hung(actor=actor, seconds=seconds)


def file(role: str = "config", **facts: Any) -> FileSeen:
    usual = {"path": "LAB/home/config.json", "exists": True, "size": 9, "digest": "old", "parses": True, "mode": 0o600}
    return FileSeen(role=role, **{**usual, **facts})


def gone(role: str = "config", **facts: Any) -> FileSeen:
    return file(role, **{"exists": False, "size": 0, "digest": "", "parses": None, "mode": None, **facts})


def asked(
    exchange: int,
    actor: str,
    provider: Any = "anthropic",
    *,
    model: str = "m",
    step: int = 0,
    markers: tuple[str, ...] = (),
    results: tuple[str, ...] = (),
    told: tuple[str, ...] = (),
    tools: int = 0,
) -> RequestReceived:
    return RequestReceived(
        exchange=exchange, provider=provider, model=model, method="POST", path="/", marker=actor, turn_step=step,
        rule="r", stream=True, bytes=1, peer_port=1, markers=markers, results=results, told=told, tools=tools,
    )  # fmt: skip


def replied(exchange: int, provider: Any = "anthropic", status: int = 200, outcome: Any = "complete") -> ReplySent:
    return ReplySent(
        exchange=exchange, provider=provider, model="m", status=status, reply="text", bytes=1, frames=1,
        outcome=outcome,
    )  # fmt: skip


def answered(decision: str, *, family: str = "codex", status: int = 200, generation: int = 1) -> TokenAnswered:
    return TokenAnswered(exchange=1, status=status, decision=decision, family=family, generation=generation)


def struck(actor: str, fault: str = "ENOSPC", call: str = "write", *writes: str) -> Scheduled:
    return Scheduled(actor=actor, index=3, call=call, reads=(), writes=writes, others=(), fault=fault)


def fired(fault: str = "it") -> FaultFired:
    return FaultFired(fault=fault)


def beat(child: str, advanced: bool = True, beats: int = 5) -> ChildBeat:
    return ChildBeat(child=child, beats=beats, advanced=advanced)


def survivor(actor: str, pid: int = 7, **facts: Any) -> SurvivorSeen:
    return SurvivorSeen(**{"actor": actor, "pid": pid, "command": f"build {pid}", **facts})


def legal(name: str, checker: Checker, *whats: What | Iterable[What]) -> Any:
    return pytest.param(checker, history(*whats), (), id=f"{checker.__name__}-{name}")


def illegal(name: str, checker: Checker, rule: str, words: str, evidence: Collection[int], *whats: Any) -> Any:
    """`words`, divided by "|", stand in the message of the only finding."""
    expected = ((rule, tuple(words.split("|")), tuple(evidence)),)
    return pytest.param(checker, history(*whats), expected, id=f"{checker.__name__}-{name}")


def undecided(name: str, checker: Checker, words: str, *whats: What | Iterable[What]) -> Any:
    return pytest.param(checker, history(*whats), words, id=f"{checker.__name__}-{name}")


def check(checker: Checker, events: History, expected: Any) -> None:
    """The one assertion of all cases: nothing more is found, nothing less, twice over."""
    if isinstance(expected, str):
        with pytest.raises(CannotDecide) as raised:
            checker(events)
        assert expected in str(raised.value)
        return
    findings = list(checker(events))
    assert [(f.rule, f.evidence) for f in findings] == [(rule, evidence) for rule, _, evidence in expected]
    for finding, (_, words, _) in zip(findings, expected, strict=True):
        assert [word for word in words if word not in finding.message] == [], finding.message
    assert list(checker(events)) == findings
