"""LCK-5: a holder whose lock has passed on can write no more, because its fencing number is out of date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.checkers.judge import CannotDecide
from harness.verdict import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class FencedStep:
    """A lock's number was granted to an actor, or something was appended under it. A refused append is no step.

    `seq` is the `Event.seq` that shows it, where there is one.
    """

    actor: str
    kind: Literal["granted", "appended"]
    lock: str
    number: int
    seq: int | None = None


def superseded_writer_is_fenced(steps: Sequence[FencedStep]) -> list[Finding]:
    """LCK-5: no append has a number below the highest that was granted by then for its lock."""
    highest: dict[str, FencedStep] = {}
    findings, superseded = [], False
    for step in steps:
        newest = highest.get(step.lock)
        if step.kind == "granted" and (newest is None or step.number > newest.number):
            superseded |= newest is not None
            highest[step.lock] = step
        elif step.kind == "appended" and newest is not None and step.number < newest.number:
            findings.append(_finding(newest, step))
    if not superseded and not findings:
        raise CannotDecide("no lock passed on, so that nobody was to be fenced off")
    return findings


def _finding(newest: FencedStep, late: FencedStep) -> Finding:
    message = (
        f"{late.actor} appended under {late.lock} with number {late.number}, "
        f"after {newest.actor} had been granted number {newest.number}"
    )
    evidence = tuple(step.seq for step in (newest, late) if step.seq is not None)
    return Finding(rule="LCK-5", message=message, evidence=evidence)
