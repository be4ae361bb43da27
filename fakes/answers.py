"""What a model says and when: text, thinking and tool calls, alone or several in one answer.

Data with checks, of no provider: `fakes.providers` turns an answer into bytes, `fakes.script` says which request
gets it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Stop = Literal["end", "length", "refusal"]


class ScriptError(ValueError):
    """A script cannot be used; the message names the file, the key and the fix."""


def is_whole(value: object) -> bool:
    """Whether it is an integer, which in Python true and false are too, but not here."""
    return isinstance(value, int) and not isinstance(value, bool)


def check(good: bool, key: str, wanted: str) -> None:
    """Refuse a value unless it is good.

    Raises:
        ScriptError: it is not; the message says what `key` must be.
    """
    if not good:
        raise ScriptError(f"{key}: must be {wanted}")


def check_gate(gate: str | None) -> None:
    """Refuse what is not a gate's name or None."""
    check(gate is None or (isinstance(gate, str) and gate != ""), "gate", "a gate's name, not empty")


def check_seconds(value: float, key: str, what: str) -> None:
    """Refuse what is not a time of less than an hour."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 3600
    check(good, key, f"{what}, from 0 up to an hour")


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _check_timing(answer: "Answer") -> None:
    check_seconds(answer.pace, "pace", "seconds between frames")
    check_seconds(answer.first, "first", "seconds before the first frame")
    check_gate(answer.gate)


def _check_said(text: str, chunks: int) -> None:
    check(isinstance(text, str), "text", "a string")
    check(is_whole(chunks) and chunks >= 1, "chunks", "a whole number, at least 1")


@dataclass(frozen=True, slots=True)
class Text:
    """The model answers with text.

    `chunks` is how many deltas a stream splits the text into (at most one for each character). `first` is the
    time in seconds to the first frame of a stream, after its head, or to the whole of an answer that is not
    streamed; `pace` is the time between two stream frames, 0 for one write of all of them. `gate` holds the
    reply until it is released; every reply has it.
    """

    text: str
    chunks: int = 1
    pace: float = field(default=0.0, kw_only=True)
    first: float = field(default=0.0, kw_only=True)
    gate: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_said(self.text, self.chunks)
        _check_timing(self)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for one tool; `text` is what it says before.

    It passes `arguments`, a JSON object, or `input`, the text for a tool that takes free text: a custom tool of
    OpenAI's. Providers without such tools pass that as the one argument `input`.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)
    input: str | None = field(default=None, kw_only=True)
    text: str = field(default="", kw_only=True)
    pace: float = field(default=0.0, kw_only=True)
    first: float = field(default=0.0, kw_only=True)
    gate: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check(isinstance(self.name, str) and self.name != "", "name", "a tool's name")
        check(self.input is None or isinstance(self.input, str), "input", "a string")
        check(self.input is None or not self.arguments, "input", "left out when arguments are given")
        good = isinstance(self.arguments, Mapping) and _is_json(dict(self.arguments))
        check(good, "arguments", "an object of argument names and values, all of JSON: write a date as a string")
        check(isinstance(self.text, str), "text", "a string")
        _check_timing(self)

    @property
    def passed(self) -> dict[str, Any]:
        """What the tool gets, as an object."""
        return dict(self.arguments) if self.input is None else {"input": self.input}


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the model thinks before it speaks, as far as a provider shows it; only as a part of an answer."""

    text: str
    chunks: int = 1

    def __post_init__(self) -> None:
        _check_said(self.text, self.chunks)


Part = Text | ToolCall | Thinking


@dataclass(frozen=True, slots=True)
class Parts:
    """The model answers with several things in order: thinking, text, tool calls at once; or with nothing at all.

    Time and gate are those of the whole answer, so no part has its own. `cached` is how many of the prompt's
    tokens the provider says it had in its cache, at most all of them. `stop` is why the model stopped: at its
    "end" (which includes a tool call), at the "length" it was given, or by "refusal" of the content.
    """

    parts: tuple[Part, ...]
    cached: int = field(default=0, kw_only=True)
    stop: Stop = field(default="end", kw_only=True)
    pace: float = field(default=0.0, kw_only=True)
    first: float = field(default=0.0, kw_only=True)
    gate: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        good = isinstance(self.parts, tuple) and all(map(_is_bare, self.parts))
        check(good, "parts", "a tuple of Text, ToolCall and Thinking, without pace, first or gate of their own")
        check(is_whole(self.cached) and self.cached >= 0, "cached", "a whole number of tokens, at least 0")
        check(self.stop in get_args(Stop), "stop", f"one of {', '.join(get_args(Stop))}")
        _check_timing(self)


def _is_bare(part: object) -> bool:
    if isinstance(part, ToolCall) and part.text:
        return False
    timed = isinstance(part, (Text, ToolCall)) and (part.pace, part.first, part.gate) != (0, 0, None)
    return isinstance(part, Part) and not timed


Answer = Text | ToolCall | Parts


def parts_of(answer: Answer) -> tuple[Part, ...]:
    """What the model says, in order."""
    if isinstance(answer, Parts):
        return answer.parts
    if isinstance(answer, ToolCall) and answer.text:
        return Text(answer.text), answer
    return (answer,)


def stop_of(answer: Answer) -> Stop:
    """Why the model stopped."""
    return answer.stop if isinstance(answer, Parts) else "end"
