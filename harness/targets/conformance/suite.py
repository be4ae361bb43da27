"""Runs checks on an adapter, each in a world of its own that the runner builds and clears as it does for scenarios."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from fakes.oauth import OAuthSettings
from harness.errors import NotConforming, PileupError, UsageError
from harness.events import History
from harness.lab import Lab
from harness.scenario import WATCH_NOTHING, Scenario
from harness.session.bench import Bench, Settings
from harness.targets.conformance.check import Check
from harness.targets.protocol import Target
from harness.verdict import Finding, Verdict

State = Literal["passed", "failed", "skipped"]
_MODULES = ("shape", "prepare", "command", "read", "agents", "turns", "tools", "credentials", "runs", "locks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a check came to; `reasons` say what is wrong and how to mend it, or why it was skipped."""

    check: Check
    state: State
    reasons: tuple[str, ...] = ()


@cache
def checks() -> tuple[Check, ...]:
    """Every check, those first whose failure explains others."""
    modules = [importlib.import_module(f"harness.targets.conformance.test_{name}") for name in _MODULES]
    return tuple(test.check for module in modules for test in vars(module).values() if hasattr(test, "check"))


def check_target(
    target: Target,
    *,
    name: str = "",
    only: Collection[str] = (),
    conductor: bool = True,
    tell: Callable[[Examined], object] = lambda _: None,
) -> tuple[Examined, ...]:
    """Run the suite on an adapter, which `--target` calls `name`.

    `only` names checks, and `tell` hears of each as soon as it is done. Raises UsageError for a check that does not
    exist, LabError when the lab cannot be built.
    """
    wanted = [each for each in checks() if not only or each.name in only]
    if unknown := set(only) - {each.name for each in wanted}:
        known = ", ".join(each.name for each in checks())
        raise UsageError(f"there is no check {min(unknown)!r}", hint=f"checks: {known}")
    settings = Settings(target_name=name or str(target.name), seed=1, schedules=1, replay=None, conductor=conductor)
    results = list[Examined]()
    with Bench(target, settings) as bench:
        for each in wanted:
            results.append(examine(each, bench))
            tell(results[-1])
    return tuple(results)


def examine(check: Check, bench: Bench) -> Examined:
    """Run one check on the bench's target. Whatever an adapter raises is a failure of the check."""
    try:
        if missing := check.needs - bench.target.capabilities:
            wanted = ", ".join(sorted(f"“{capability.value}”" for capability in missing))
            return Examined(check=check, state="skipped", reasons=(f"the adapter does not claim {wanted}",))
        found = list[str]()
        judgement = bench.once(_scenario(check, found)).judgement
    except Exception as error:  # noqa: BLE001 - the runner asks the adapter, too
        return Examined(check=check, state="failed", reasons=(_raised(bench.target, error),))
    if judgement.verdict is Verdict.CONFORMS:
        return Examined(check=check, state="passed")
    reasons = (*found, *(note for note in judgement.notes if note not in found))
    return Examined(check=check, state="failed", reasons=reasons)


def _scenario(check: Check, found: list[str]) -> Scenario:
    """The check as the runner takes it; complaints also go into `found`."""

    async def body(lab: Lab) -> None:
        try:
            await check.body(lab)
        except Exception as error:  # noqa: BLE001 - an adapter may raise anything
            found.append(_raised(lab.target, error))

    def complaints(_history: History) -> Sequence[Finding]:
        return [Finding(rule="", message=complaint) for complaint in found]

    return Scenario(
        name=check.name, title=check.title, rule="", fault="", needs=check.needs, judges=(complaints,),
        watch=WATCH_NOTHING, oauth=OAuthSettings(), exact=False, scheduled=False, tries=1, body=body,
    )  # fmt: skip


def _raised(target: Target, error: Exception) -> str:
    """An exception in words: a complaint as it is, anything else with the place in the adapter that it came from."""
    if isinstance(error, NotConforming):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return f"{type(error).__name__}: {error}"
    source = inspect.getsourcefile(type(target))
    place = next((frame for frame in frames if frame.filename == source), frames[-1])
    where = f"{place.name}() at {place.filename}:{place.lineno}"
    if isinstance(error, PileupError):
        return f"{error}\n  seen in {where}"
    mend = "mend: an adapter only translates; only an intent that no capability promises may raise"
    return f"{where} raised {type(error).__name__}: {error}\n  {mend}"
