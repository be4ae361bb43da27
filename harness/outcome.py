"""What a target said about a command that ended, in words that no target owns.

Adapters translate; checkers compare. A field that a target does not express stays None, and a checker that needs
it says UNKNOWN rather than guessing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

Kind = Literal[
    "ok", "usage", "local", "busy", "retryable", "auth", "fatal", "ambiguous", "stopped", "internal", "unclear"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSeen:
    """One try at one model, as the target reported it."""

    provider: str
    model: str
    kind: str
    status: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderSeen:
    """Who holds what the command could not have, as the target reported it."""

    pid: int | None
    run: str | None
    age: float | None  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen:
    """A line of the target's own list of runs or background jobs."""

    id: str
    agent: str
    status: str
    pid: int | None
    jobs: tuple[str, ...] = ()  # handles of background work that the run left behind on purpose, and that goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended. `ok` is the target's own claim, whatever its exit status was."""

    ok: bool
    kind: Kind
    exit_status: int | None  # None: ended by a signal
    code: str = ""
    message: str = ""
    subject: str | None = None  # the path or the limit that an error names, "" if it names none; None: no place for one
    text: str = ""
    documents: int | None = None  # how many JSON documents stood on stdout; None when none was asked for
    stray_output: bool = False  # something besides the documents stood on stdout
    traceback: bool = False  # a stack trace reached the user
    agents: tuple[str, ...] | None = None
    runs: tuple[RunSeen, ...] | None = None
    attempts: tuple[AttemptSeen, ...] | None = None
    holder: HolderSeen | None = None

    @property
    def typed(self) -> bool:
        """Whether a failure is told by a code, and of a kind that says more than that something went wrong."""
        return bool(self.code) and self.kind not in ("internal", "unclear")


def unsound(outcome: object) -> str:
    """Which part of an adapter's answer has another type than stands above, in words; "" for none."""
    if not isinstance(outcome, Outcome):
        return f"it gives {outcome!r}, no Outcome"
    for name, kind in _types().items():
        if not _is(value := getattr(outcome, name), kind):
            known = f", none of {', '.join(get_args(Kind))}" if name == "kind" else ""
            return f"{name} is {value!r}{known}"
    return ""


@cache
def _types() -> dict[str, Any]:
    return get_type_hints(Outcome)


def _is(value: object, kind: Any) -> bool:
    """Whether a value has one of the types that the fields of Outcome have; what rows hold is the program's."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:  # of any length
        return isinstance(value, tuple) and all(_is(each, get_args(kind)[0]) for each in value)
    if get_args(kind):
        return any(_is(value, each) for each in get_args(kind))
    return isinstance(value, kind)
