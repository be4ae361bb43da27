"""Schedules that violated once are kept, and tried first the next time, as Hypothesis keeps its examples.

They lie in pytest's own cache folder, one short list for each scenario and target, and go when they do not violate any
more. Losing them costs nothing but time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from harness.errors import UsageError
from harness.plan import Plan
from harness.schedules.decisions import Decisions
from harness.schedules.replay import Recording
from reports.record import Result

_KEY = "pileup/schedules"
_MOST = 3  # for one scenario on one target


class Cache(Protocol):
    """What is used of pytest's cache."""

    def get(self, key: str, default: Any) -> Any: ...

    def set(self, key: str, value: object) -> None: ...


def known(cache: Cache | None, target: str) -> Mapping[str, tuple[Decisions, ...]]:
    """The kept schedules of a target, by scenario. What cannot be read is left out."""
    found: dict[str, tuple[Decisions, ...]] = {}
    for scenario, texts in _stored(cache, target).items():
        decisions = [_parsed(text) for text in texts if isinstance(text, str)]
        found[scenario] = tuple(filter(None, decisions))[:_MOST]
    return found


def keep(cache: Cache | None, target: str, results: Iterable[Result]) -> None:
    """Remember the schedules of violations; forget those of scenarios that conform now, since theirs were tried."""
    if cache is None:
        return
    stored = dict(_stored(cache, target))
    before = dict(stored)
    for result in results:
        schedule = Plan.parse(result.token).schedule
        if result.verdict == "VIOLATED" and isinstance(schedule, Recording):
            text = str(schedule.decisions)
            stored[result.scenario] = [text, *(old for old in stored.get(result.scenario, []) if old != text)][:_MOST]
        elif result.verdict == "CONFORMS":
            stored.pop(result.scenario, None)
    if stored != before:
        cache.set(_KEY, {**cache.get(_KEY, {}), target: stored})


def _stored(cache: Cache | None, target: str) -> Mapping[str, list[Any]]:
    everything = cache.get(_KEY, {}) if cache is not None else {}
    mine = everything.get(target, {}) if isinstance(everything, Mapping) else {}
    return {name: texts for name, texts in mine.items() if isinstance(texts, list)} if isinstance(mine, Mapping) else {}


def _parsed(text: str) -> Decisions | None:
    try:
        return Decisions.parse(text)
    except UsageError:
        return None
