"""How an adapter reads what a command left: never raises, claims nothing from noise, sees what checkers ask about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import hypothesis
from hypothesis import strategies as st

from harness.lab import Lab
from harness.outcome import Outcome, unsound
from harness.targets.conformance.check import check, complain, require
from harness.targets.conformance.material import intents, prepared
from harness.targets.protocol import Ended, Intent, ListAgents, ListRuns, Target

PYTHON_TRACE = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'agents'\n"
NODE_TRACE = "TypeError: x is not a function\n    at main (/srv/app/cli.js:10:7)\n    at run (node:internal/x:1:2)\n"
# Nobody's answer: what a program may print that is broken, killed, or not the one that was meant.
NOISE = (
    "",
    "\n",
    "Segmentation fault (core dumped)\n",
    "sh: 1: exec: not found\n",
    PYTHON_TRACE,
    NODE_TRACE,
    '{"ok": tru',
    '[{"name": "lane0"}, {"na',
    "\x1b[31mError:\x1b[0m something broke\n",
    "\x00\x01\x02\ufffd\ufffd\x7f",
    "<html><body>502 Bad Gateway</body></html>",
)
_LONG = (
    "{" * 50_000, "[" * 50_000, "[\n" * 50_000, " " * 100_000, "a" * 100_000, "\\" * 50_000, "Error: " * 10_000,
    json.dumps({"text": "x" * 100_000}), "1" * 50_000, "a: b (c) | " * 10_000,
)  # fmt: skip
_MEND = "read every value as something that may be missing or of another type, and answer Outcome(ok=False, ...)"


def sound(outcome: Outcome, finish: Ended) -> str:
    """What is wrong with an outcome as such; "" for nothing."""
    if wrong := unsound(outcome):
        return wrong
    if outcome.ok is not (outcome.kind == "ok"):
        return f"ok is {outcome.ok} and kind {outcome.kind!r}"
    if outcome.exit_status != (finish.code if finish.code >= 0 else None):
        return f"exit_status is {outcome.exit_status} after the code {finish.code}"
    return ""


def survives(target: Target, lab: Lab, intent: Intent, finish: Ended) -> Outcome:
    """Read, and complain of whatever it raises and of an outcome that is none."""
    try:
        outcome = target.read(lab.site, intent, finish)
    except Exception as error:  # noqa: BLE001 - the point of the check
        complain(f"read raised {type(error).__name__}: {error} for {_shown(intent, finish)}", _MEND)
    wrong = sound(outcome, finish)
    require(not wrong, f"read of {_shown(intent, finish)}: {wrong}", "harness/outcome.py says what each field may be")
    return outcome


@check()
async def test_read_never_raises(lab: Lab) -> None:
    """Whatever a command printed and however it ended, `read` gives a sound outcome."""
    prepared(lab)
    asked = list(intents(lab.target, lab.site))
    for intent in asked:
        for text in (*NOISE, *_LONG):
            survives(lab.target, lab, intent, Ended(code=1, stdout=text, stderr=text))
    _drawn(lab, asked)


def _drawn(lab: Lab, asked: list[Intent]) -> None:
    """The same for drawn documents, of the very keys that the adapter's code looks for."""
    if not asked:
        return
    documents = _documents(sorted(_vocabulary(lab.target)) or ["ok"]).map(json.dumps)
    streams = st.one_of(documents, st.lists(documents, max_size=3).map("\n".join), st.text(max_size=200))

    @hypothesis.settings(
        max_examples=300, derandomize=True, database=None, deadline=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(st.sampled_from(asked), st.sampled_from((0, 1, 2, 75, -9, -15)), streams, st.text(max_size=80))
    def reads(intent: Intent, code: int, stdout: str, stderr: str) -> None:
        survives(lab.target, lab, intent, Ended(code=code, stdout=stdout, stderr=stderr))

    reads()


@check()
async def test_noise_is_no_success(lab: Lab) -> None:
    """Of a command that failed and printed nobody's answer, `read` never says ok; and it lists nothing from noise."""
    prepared(lab)
    for intent in intents(lab.target, lab.site):
        for text in NOISE:
            for code in (0, 1, 2, 139, -9):
                finish = Ended(code=code, stdout=text, stderr=text if code else "")
                outcome = survives(lab.target, lab, intent, finish)
                require(
                    code == 0 or not outcome.ok,
                    f"read says ok of {_shown(intent, finish)}",
                    "ok is the program's own claim: without one that you recognise, it is False",
                )
                _lists_nothing(intent, finish, outcome)


def _lists_nothing(intent: Intent, finish: Ended, outcome: Outcome) -> None:
    for kind, name in ((ListAgents, "agents"), (ListRuns, "runs")):
        require(
            not isinstance(intent, kind) or getattr(outcome, name) is None,
            f"read lists {name}={getattr(outcome, name)!r} from {_shown(intent, finish)}",
            f"an empty tuple claims that there are none; where no list stands, {name} is None",
        )


@check()
async def test_stack_traces_are_seen(lab: Lab) -> None:
    """A stack trace on standard error, of Python or of Node, shows as `traceback`."""
    prepared(lab)
    for intent in intents(lab.target, lab.site):
        for trace in (PYTHON_TRACE, NODE_TRACE):
            finish = Ended(code=1, stdout="", stderr=trace)
            outcome = survives(lab.target, lab, intent, finish)
            require(
                outcome.traceback,
                f"traceback is False of {_shown(intent, finish)}",
                "traceback=shows_traceback(ended.stderr), from harness.targets.output",
            )


def _shown(intent: Intent, finish: Ended) -> str:
    """A command's end, short enough for a complaint."""
    cut = [text if len(text) <= 120 else f"{text[:120]}…" for text in (finish.stdout, finish.stderr)]
    return f"“{intent.verb}” that ended with {finish.code}, stdout {cut[0]!r}, stderr {cut[1]!r}"


def _documents(keys: list[str]) -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers(-5, 600) | st.sampled_from(keys) | st.text(max_size=8)
    names = st.sampled_from(keys)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner), max_leaves=8)


def _vocabulary(target: Target) -> set[str]:
    """The words that stand in the code of `read` and of what it calls: most of them are keys that it looks up."""
    method = getattr(type(target), "read", None)
    seen: set[str] = set()
    return {word for code in _reached(method, seen) for word in _words(code)}


def _reached(function: object, seen: set[str]) -> Iterator[CodeType]:
    if not isinstance(function, FunctionType) or function.__qualname__ in seen:
        return
    seen.add(function.__qualname__)
    yield function.__code__
    for name in function.__code__.co_names:
        yield from _reached(function.__globals__.get(name), seen)


def _words(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)
        elif isinstance(constant, str) and re.fullmatch(r"\w{1,30}", constant):
            yield constant
        elif isinstance(constant, tuple):
            yield from (word for word in constant if isinstance(word, str) and re.fullmatch(r"\w{1,30}", word))
