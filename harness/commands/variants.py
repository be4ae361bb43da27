"""Every variant under every scenario: does each mistake get caught, and is nothing else blamed for it?"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import PileupError, UsageError
from harness.places import RULES_FILE, SCENARIOS
from harness.scenario import load_rules
from harness.targets.variant import variant_names
from reports.record import Record, Result, load

KEPT = Path("reports/out/variants")  # a folder for each variant that surprised, with the record of its suite
_MOST_SECONDS = 1800  # for one variant's suite
_PYTEST_RAN = (0, 1)  # all green, or some not: both are answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The rules that a variant says it breaks: in every run, and by chance, in some, whose breaking proves nothing."""

    breaks: tuple[str, ...]
    may_break: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The records, one a variant; in words what was not as the variants say of themselves, and how to see it again."""

    records: tuple[Record, ...]
    surprises: tuple[str, ...]
    again: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Surprise:
    """What was not as a variant says of itself, and the results that show it."""

    text: str
    results: tuple[Result, ...] = ()


def prove(names: Sequence[str], *, only_broken: bool, runs: int | None, progress: Callable[[str], object]) -> Proof:
    """Run the suite on each variant, with so many fault runs of each scenario, or as many as it says.

    The report of a suite that surprised is kept. Raises UsageError for an unknown name, PileupError when pytest fails.
    """
    if unknown := sorted(set(names) - set(variant_names())):
        raise UsageError(f"there is no variant {unknown[0]!r}", hint=f"variants: {', '.join(variant_names())}")
    claimed, known = claims(), load_rules(RULES_FILE)
    chosen = list(dict.fromkeys(names)) or list(variant_names())
    if silent := [name for name in chosen if name not in claimed]:
        raise PileupError(f"the reference does not say what {', '.join(silent)} breaks")
    records, surprises, again = [], list[str](), list[str]()
    with tempfile.TemporaryDirectory(prefix="pileup-variants-") as folder:
        for number, name in enumerate(chosen, 1):
            breaks = [rule for rule in claimed[name].breaks if rule in known]  # or no scenario provokes it yet
            progress(f"{number} of {len(chosen)}: {name} (breaks {', '.join(breaks)})")
            record = _run_suite(name, breaks if only_broken else (), runs, Path(folder) / name)
            records.append(record)
            found = _surprises(name, breaks, record, claimed[name].may_break)
            surprises += [surprise.text for surprise in found]
            again += [result.replay for surprise in found for result in surprise.results]
            again += [_keep(Path(folder) / name)] if found else []
    return Proof(records=tuple(records), surprises=tuple(surprises), again=tuple(again))


def claims() -> Mapping[str, Claim]:
    """What each variant says of itself. The reference is a program, so it is asked as one."""
    command = [sys.executable, "-m", "reference.variants", "--json"]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=SCENARIOS.parent)
        told = json.loads(answer.stdout)["variants"]
        return {e["name"]: Claim(breaks=tuple(e["breaks"]), may_break=tuple(e["may_break"])) for e in told}
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise PileupError(f"the reference does not say what its variants break: {error}") from error


def _run_suite(name: str, rules: Sequence[str], runs: int | None, folder: Path) -> Record:
    options = ["--target", f"variant:{name}", "--shrink", "0", "--report", str(folder)]
    options += ["--schedules", str(runs)] if runs is not None else []
    workers = "2" if rules else "auto"  # a few scenarios are not worth the start of more
    options += ["-q", "-p", "no:cacheprovider", "-n", workers, *(word for rule in rules for word in ("--rule", rule))]
    command = [sys.executable, "-m", "pytest", str(SCENARIOS), *options]
    try:
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_MOST_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise PileupError(f"the suite on {name} had not ended after {_MOST_SECONDS} s") from error
    if ran.returncode not in _PYTEST_RAN:
        raise PileupError(f"the suite did not run on {name}:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return load(folder / "record.json")


def _keep(folder: Path) -> str:
    """Put the report of a suite where it stays, in place of the one before; where that is, in words."""
    kept = KEPT / folder.name
    try:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept)
    except OSError as error:
        return f"{folder.name}: its report cannot be kept in {kept}: {error.strerror or error}"
    return f"{folder.name}: {kept / 'report.md'}"


def _surprises(name: str, breaks: Sequence[str], record: Record, may_break: Sequence[str]) -> list[_Surprise]:
    """A rule that should have broken and did not in every run, or one that broke although it should not."""
    by_chance = {"END-1", *may_break}  # the whole story breaks with any of its parts
    ran = {result.rule for result in record.results}
    found = [
        _Surprise(f"{name}: {rule} should be VIOLATED, but no scenario of it was run")
        for rule in breaks
        if rule not in ran
    ]
    for rule in sorted(ran):
        results = tuple(result for result in record.results if result.rule == rule)
        if rule in breaks:
            if not any(r.fault_arm.runs and r.fault_arm.violated == r.fault_arm.runs for r in results):
                counts = ", ".join(f"{r.scenario} {r.fault_arm.violated} of {r.fault_arm.runs}" for r in results)
                found.append(_Surprise(f"{name}: {rule} should be VIOLATED every time: {counts}", results))
        elif rule not in by_chance:
            strange = [result for result in results if result.verdict != "CONFORMS"]
            found += [_Surprise(f"{name}: {each.scenario} ({rule}) is {each.verdict}", (each,)) for each in strange]
    return found
