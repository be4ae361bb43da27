"""Scenarios and rules as records, and the decorator that turns a scenario into a test.

A scenario says which rule it provokes, what is done to the target (the fault), what the target must offer, and which
checkers judge the history. Its body does the work; it never learns which target it runs on.
"""

from __future__ import annotations

import inspect
import re
import stat
import sys
import tomllib
from collections.abc import Awaitable, Callable, Collection, Iterable, Set
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from fakes.oauth import OAuthSettings
from harness.conductor.calls import Family
from harness.errors import UsageError
from harness.events import History
from harness.places import RULES_FILE
from harness.targets.protocol import Capability
from harness.verdict import Finding

if TYPE_CHECKING:
    from harness.lab import Lab

Body = Callable[["Lab"], Awaitable[None]]
Checker = Callable[[History], Collection[Finding]]
Level = Literal["MUST", "SHOULD"]
_FORM = "docs/writing-a-scenario.md shows a whole one: @scenario(…) over `async def test_…(lab)` with a docstring"
_MAY_LACK = frozenset({"reason", "definite"})  # in a file of one's own
_RULE_ID = re.compile(r"[A-Z][A-Z0-9]*-[0-9]+")

WATCH_REPLACEMENTS = frozenset({Family.REPLACE, Family.OPEN})
WATCH_CONTENTION = WATCH_REPLACEMENTS | {Family.LOCK}  # for a barrier: by the locks it sees who waits for whom it holds
WATCH_WRITES = WATCH_REPLACEMENTS | {Family.WRITE, Family.SYNC, Family.REMOVE, Family.MAKE, Family.MARK}
WATCH_STORES = WATCH_WRITES | {Family.MAP}  # for a recording: what is stored through mmap is seen as well
_WATCH_ENTRIES = WATCH_REPLACEMENTS | {Family.REMOVE, Family.MAKE, Family.LIST}
# Without reads, an actor would have read what it will read first before its first turn. Looks are no turns: what a
# program does after one stands at a call of its own, before which another can be let go. But who only looks, waits.
WATCH_ORDER = _WATCH_ENTRIES | {
    Family.READ, Family.LOOK, Family.MARK, Family.INSPECT, Family.SERVE, Family.LOCK, Family.LIMIT, Family.PROBE,
    Family.FORK, Family.START,
}  # fmt: skip
# What can fail: whatever changes a file or asks for a lock, and for want of permission or descriptors every opening.
WATCH_CHANGES = WATCH_WRITES | {Family.SERVE, Family.LOCK, Family.FORK}
WATCH_FAILURES = WATCH_CHANGES | {Family.READ}
SCHEDULES = 8  # that a strategy gets to show a bug by default; the portfolio has had all its turns but one by then
WATCH_NOTHING: frozenset[Family] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One guarantee that an orchestrator must keep. Nobody has vouched for the findings of a rule that does not say."""

    id: str
    name: str
    level: Level
    statement: str
    sources: tuple[str, ...]
    reason: str = ""  # what is lost when it breaks
    definite: bool = False  # each finding proves the breach: none is inferred from a bound in time, a cost or a model


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way to provoke one rule."""

    name: str
    title: str
    rule: str
    fault: str  # in words; "" when the rule is tested without one
    needs: frozenset[Capability]
    judges: tuple[Checker, ...]
    watch: frozenset[Family]  # the calls that stop; the network is sealed in any case
    oauth: OAuthSettings
    exact: bool  # the fault stands at one certain system call: without stopped calls there is no such scenario
    scheduled: bool  # the order of calls is the plan's: such a scenario can be explored exhaustively
    tries: int  # schedules until the first violation, where more were not asked for; 1 unless it is scheduled
    body: Body
    not_verified: tuple[str, ...] = ()


def scenario(
    rule: str,
    *,
    fault: str,
    judges: Collection[Checker],
    needs: Collection[Capability] = (),
    watch: Collection[Family] = WATCH_NOTHING,
    oauth: OAuthSettings | None = None,
    exact: bool = False,
    scheduled: bool = False,
    not_verified: Collection[str] = (),
) -> Callable[[Body], Callable[..., None]]:
    """Make a test of an `async def test_…(lab)`. Its docstring's first line is its title."""

    def decorate(body: Body) -> Callable[..., None]:
        name = getattr(body, "__name__", "")
        title = inspect.getdoc(body) or ""
        if not title and sys.flags.optimize > 1:
            raise UsageError(f"scenario {name} has lost its docstring to python -OO", hint="unset PYTHONOPTIMIZE")
        if wrong := _unfit(body, name, title, judges, needs):
            raise UsageError(f"scenario {name or repr(body)}: {wrong}", hint=_FORM)
        record = Scenario(
            name=name.removeprefix("test_"),
            title=title.splitlines()[0].rstrip("."),
            rule=rule,
            fault=fault,
            needs=frozenset(needs),
            judges=tuple(judges),
            watch=frozenset(watch),
            oauth=oauth or OAuthSettings(),
            exact=exact or scheduled,
            scheduled=scheduled,
            tries=SCHEDULES if scheduled else 1,
            body=body,
            not_verified=tuple(not_verified),
        )

        def test(pileup_bench: Any) -> None:
            pileup_bench.judge(record)

        test.__name__ = name
        test.__doc__ = body.__doc__
        test.__module__ = body.__module__
        test.scenario = record  # type: ignore[attr-defined]
        return test

    return decorate


def _unfit(
    body: Body, name: str, title: str, judges: Collection[Checker], needs: Collection[Capability]
) -> str:  # in words; "" when it can be run
    if not name.startswith("test_"):
        return "its name does not begin with test_"
    if not inspect.iscoroutinefunction(body):
        return "it is no `async def`"
    if len(inspect.signature(body).parameters) != 1:
        return "it takes the lab, and nothing else: fixtures of pytest are not given to scenarios"
    if not title:
        return "it has no docstring, of which the first line is the title"
    if not judges:
        return "it has no checker among `judges`"
    strange = [need for need in needs if not isinstance(need, Capability)]
    return f"its `needs` hold {strange[0]!r}, which is no Capability" if strange else ""


def load_rules(*paths: Path) -> dict[str, Rule]:
    """Read files like rules.toml. Raises UsageError for a rule that stands twice, lacks a field or has a wrong one.

    The shipped rules say why they exist and what their findings are worth; others may leave that out.
    """
    known: dict[str, Rule] = {}
    for path in paths:
        for rule in _rules_of(path):
            if rule.id in known or rule.name in {other.name for other in known.values()}:
                raise UsageError(
                    f"{path}: rule {rule.id} ({rule.name}) stands twice", hint="give it another name and id"
                )
            known[rule.id] = rule
    return known


def named(words: Iterable[str], rules: Collection[str]) -> list[str]:
    """The ids of rules that a person wrote, in any case. Raises UsageError for one that there is not."""
    wanted = [word.upper() for word in words]
    if unknown := [rule for rule in wanted if rule not in rules]:
        raise UsageError(f"there is no rule {unknown[0]!r}", hint=f"rules: {', '.join(rules)}")
    return wanted


def _rules_of(path: Path) -> list[Rule]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise ValueError("it is no file")
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("rule")
        if not isinstance(entries, list) or not entries:
            raise ValueError("it has no [[rule]]")
        return [_checked(_rule(entry, frozenset() if path == RULES_FILE else _MAY_LACK)) for entry in entries]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        hint = f"write it like {RULES_FILE}: [[rule]] with {', '.join(field.name for field in fields(Rule))}"
        raise UsageError(f"{path}: cannot be read as rules: {error}", hint=hint) from error


def _rule(entry: object, may_lack: Set[str]) -> Rule:
    names = {field.name for field in fields(Rule)}
    given = entry.keys() if isinstance(entry, dict) else set[str]()
    lacks, strange = sorted(names - given - may_lack), sorted(given - names)
    if not isinstance(entry, dict) or lacks or strange:
        told = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"has {', '.join(strange)} besides"] * bool(strange)
        which = f"rule {entry['id']!r}" if isinstance(entry, dict) and "id" in entry else "a [[rule]]"
        raise ValueError(f"{which} {' and '.join(told)}")
    return Rule(**entry)


def _checked(rule: Rule) -> Rule:
    if not isinstance(rule.sources, list):
        raise TypeError(f"rule {rule.id!r}: sources is a list, of nothing if there are none")
    words = (rule.id, rule.name, rule.statement, *rule.sources)
    if not all(isinstance(word, str) and word for word in words):
        raise TypeError(f"rule {rule.id!r}: id, name, statement and sources are words")
    if not isinstance(rule.reason, str) or not isinstance(rule.definite, bool):
        raise TypeError(f"rule {rule.id!r}: reason is words, and definite is true or false, without quotes")
    if rule.level not in get_args(Level):
        raise ValueError(f"rule {rule.id!r}: the level is {rule.level!r}, not {' or '.join(get_args(Level))}")
    if not _RULE_ID.fullmatch(rule.id):
        raise ValueError(f"rule {rule.id!r}: an id is like CFG-1")
    return replace(rule, sources=tuple(rule.sources))
