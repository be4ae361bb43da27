"""From campaigns to the record that reports read. Everything is redacted here, before it can reach a file."""

from __future__ import annotations

import platform
import re
import shlex
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import psutil

from harness.campaign import Campaign
from harness.plan import Arm
from harness.rules_page import thread
from harness.runner import CommandLine, Trial
from harness.scenario import Rule
from harness.shrinking import schedule_lines
from harness.targets.protocol import Target
from harness.verdict import Finding, Verdict
from harness.version import VERSION
from reports.record import ArmFacts, FileChange, FindingFacts, Record, Result, RuleFacts, TargetFacts
from reports.redact import marker, redact, redact_json

_DULL = frozenset({"PATH", "TERM", "LANG", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"})  # the same for every command
_SECRET_ENDINGS = ("KEY", "TOKEN", "SECRET", "PASSWORD")  # of variables, whatever their values look like
_REFRESH_TOKEN = re.compile(r"rt_[0-9a-f]{48}")  # as fakes.oauth mints them: opaque, so that only we know them by sight
CONDUCTED = "system calls stopped by seccomp user notification, network sealed"
UNCONDUCTED = "start barrier and repetition only: system calls are not stopped, and the network is not sealed"
OTHER_PLANS = "other orders and choices than those of the runs counted here: --schedules N tries more"
UNSEALED = "that the target keeps to loopback, and that the fault met the moment it aims at"


def to_result(campaign: Campaign, *, where: str, found_by: tuple[str, ...] | None = None) -> Result:
    """One scenario's line of the record, told by its most telling run.

    `found_by` are the words by which pytest finds the scenario's file, if they are others than `where` says.
    """
    scenario, trial = campaign.scenario, campaign.telling
    paths = {trial.root: "LAB"} if trial.root else {}
    secrets = _issued(trial)

    def clean(text: str) -> str:
        return redact(text, secrets, paths)

    history = redact_json([event.as_json() for event in trial.history.events], secrets, paths)
    return Result(
        scenario=scenario.name,
        title=scenario.title,
        where=where,
        rule=scenario.rule,
        verdict=campaign.verdict.value,
        findings=tuple(_finding(f, trial, clean) for f in trial.judgement.findings),
        fault=scenario.fault,
        fault_arm=_arm(campaign.fault),
        control_arm=_arm(campaign.control),
        replay=shlex.join(["pytest", *(found_by or [where.partition("::")[0]]), "--replay", trial.plan.token]),
        token=trial.plan.token,
        seconds=round(sum(t.seconds for t in (*campaign.control, *campaign.fault)), 3),
        control=CONDUCTED if trial.conducted else UNCONDUCTED,
        notes=tuple(clean(note) for note in trial.judgement.notes),
        certificate=str(campaign.certificate or ""),
        schedule=tuple(clean(line) for line in schedule_lines(trial, campaign.simplest)),
        not_verified=(*_not_verified(campaign), *trial.untried),
        commands=tuple(clean(_command(line)) for line in trial.commands),
        history=tuple(history),
        files=tuple(
            FileChange(path=clean(p), before=None if b is None else clean(b), after=None if a is None else clean(a))
            for p, b, a in trial.files
        ),
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
    order = {rule: position for position, rule in enumerate(rules)}
    facts = tuple(
        RuleFacts(
            id=r.id, name=r.name, level=r.level, statement=r.statement, sources=tuple(map(thread, r.sources)),
            reason=r.reason, definite=r.definite,
        )
        for r in rules.values()
        if r.id in used
    )  # fmt: skip
    return Record(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        pileup=VERSION,
        command=redact(command),
        seed=seed,
        machine=machine(conducted),
        target=target,
        rules=facts,
        results=tuple(sorted(results, key=lambda r: (order[r.rule], r.scenario))),  # workers end in any order
        interrupted=interrupted,
        notes=notes,
    )


def machine(conducted: bool) -> dict[str, str]:
    """What a reader must know of the machine to repeat the run."""
    return {
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "processors": str(psutil.cpu_count() or "?"),
        "conductor": CONDUCTED if conducted else UNCONDUCTED,
    }


def target_facts(target: Target) -> TargetFacts:
    return TargetFacts(name=target.name, version=target.version, argv=tuple(redact(word) for word in target.argv))


def _not_verified(campaign: Campaign) -> tuple[str, ...]:
    """What this scenario's author left out, and what no campaign of this kind can show."""
    limits = list(campaign.scenario.not_verified)
    if campaign.verdict is Verdict.UNSUPPORTED:
        return tuple(limits)
    if campaign.scenario.fault:
        limits.append(OTHER_PLANS)
    if not campaign.telling.conducted:
        limits.append(UNSEALED)
    return tuple(limits)


def _finding(finding: Finding, trial: Trial, clean: Callable[[str], str]) -> FindingFacts:
    prefix = "" if trial.plan.arm is Arm.FAULT else "already without the fault: "
    return FindingFacts(rule=finding.rule, message=prefix + clean(finding.message), evidence=finding.evidence)


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
    words = [f"{name}={_value(name, value)}" for name, value in line.env if name not in _DULL]
    return f"{line.actor}: " + " ".join([*words, shlex.join(line.argv)])


def _value(name: str, value: str) -> str:
    secret = value and name.upper().endswith(_SECRET_ENDINGS)
    return shlex.quote(marker(value) if secret else value)


def _issued(trial: Trial) -> frozenset[str]:
    """The refresh tokens of the fakes that stand anywhere in the trial."""
    return frozenset(_REFRESH_TOKEN.findall(repr(trial)))
