"""From campaigns to the record that reports read. Everything is redacted here, before it can reach a file."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psutil

from harness.campaign import Campaign
from harness.runner import CommandLine, Trial
from harness.scenario import Rule
from harness.targets.protocol import Target
from harness.verdict import Verdict
from harness.version import VERSION
from reports.record import ArmFacts, FileChange, FindingFacts, Record, Result, RuleFacts, TargetFacts
from reports.redact import redact, redact_json

_DULL = frozenset({"PATH", "TERM", "LANG", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"})  # the same for every command
CONDUCTED = "system calls stopped by seccomp user notification, network sealed"
UNCONDUCTED = "start barrier and repetition only: this machine cannot stop system calls, and the network is not sealed"


def to_result(campaign: Campaign, target: Target, *, where: str, seed: int) -> Result:
    """One scenario's line of the record, told by its most telling run."""
    scenario, trial = campaign.scenario, campaign.telling
    paths = {trial.root: "LAB"} if trial.root else {}
    history = [redact_json(event.as_json(), paths=paths) for event in trial.history.events]
    return Result(
        scenario=scenario.name,
        title=scenario.title,
        where=where,
        rule=scenario.rule,
        verdict=campaign.verdict.value,
        findings=tuple(_finding(f, trial, paths) for f in trial.judgement.findings),
        fault=scenario.fault,
        fault_arm=_arm(campaign.fault),
        control_arm=_arm(campaign.control),
        replay=f"pytest scenarios/ --replay {shlex.quote(trial.plan.token)}",
        token=trial.plan.token,
        seconds=round(sum(t.seconds for t in (*campaign.control, *campaign.fault)), 3),
        control=CONDUCTED if trial.conducted else UNCONDUCTED,
        notes=tuple(redact(note, paths=paths) for note in trial.judgement.notes),
        not_verified=scenario.not_verified,
        commands=tuple(redact(_command(line), paths=paths) for line in trial.commands),
        history=tuple(history),
        files=tuple(FileChange(path=p, before=_clean(b, paths), after=_clean(a, paths)) for p, b, a in trial.files),
    )


def to_record(
    results: tuple[Result, ...],
    target: TargetFacts,
    rules: Mapping[str, Rule],
    *,
    command: str,
    seed: int,
    conducted: bool,
    interrupted: bool = False,
    notes: tuple[str, ...] = (),
) -> Record:
    """The whole session."""
    used = {result.rule for result in results}
    facts = tuple(
        RuleFacts(id=r.id, name=r.name, level=r.level, statement=r.statement, sources=r.sources)
        for r in rules.values()
        if r.id in used
    )
    return Record(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        pileup=VERSION,
        command=command,
        seed=seed,
        machine=machine(conducted),
        target=target,
        rules=facts,
        results=results,
        interrupted=interrupted,
        notes=notes,
    )


def machine(conducted: bool) -> dict[str, str]:
    """What a reader must know of the machine to repeat the run."""
    return {
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "cpus": str(psutil.cpu_count() or "?"),
        "conductor": CONDUCTED if conducted else UNCONDUCTED,
    }


def target_facts(target: Target) -> TargetFacts:
    return TargetFacts(name=target.name, version=target.version, argv=tuple(redact(word) for word in target.argv))


def _finding(finding: Any, trial: Trial, paths: Mapping[str, str]) -> FindingFacts:
    prefix = "" if trial.plan.arm.value == "fault" else "already without the fault: "
    return FindingFacts(
        rule=finding.rule, message=prefix + redact(finding.message, paths=paths), evidence=finding.evidence
    )


def _arm(trials: tuple[Trial, ...]) -> ArmFacts:
    verdicts = [t.judgement.verdict for t in trials if t.judgement.verdict is not Verdict.UNSUPPORTED]  # never ran
    return ArmFacts(
        runs=len(verdicts),
        violated=verdicts.count(Verdict.VIOLATED),
        inconclusive=verdicts.count(Verdict.INCONCLUSIVE),
        unknown=verdicts.count(Verdict.UNKNOWN),
    )


def _command(line: CommandLine) -> str:
    """A line that a shell would take, with the environment that sets it apart."""
    words = [f"{name}={shlex.quote(value)}" for name, value in line.env if name not in _DULL]
    return f"{line.actor}: " + " ".join([*words, shlex.join(line.argv)])


def _clean(text: str | None, paths: Mapping[str, str]) -> str | None:
    return None if text is None else redact(text, paths=paths)
