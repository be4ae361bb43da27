"""What the fakes answer: an immutable list of rules, each a match and the replies it gives in order.

A script is data. It holds no counter, opens no socket and knows no wire format; `fakes.position` keeps the
position in each rule, `fakes.providers` turns a reply into bytes.
"""

from dataclasses import dataclass, field
from pathlib import Path

from fakes.answers import (
    Answer,
    Parts,
    ScriptError,
    Text,
    Thinking,
    ToolCall,
    check,
    check_gate,
    check_seconds,
    is_whole,
)
from fakes.broken import PLAIN, STALL_GATE, Altered, Cut, Framing, Reading

__all__ = [
    "STALL_GATE", "Altered", "Answer", "Broken", "Cut", "Framing", "Match", "Parts", "Reading", "Reply", "Request",
    "Reset", "Rule", "Script", "ScriptError", "Stall", "Status", "StreamError", "Text", "Thinking", "ToolCall",
    "Truncate",
]  # fmt: skip

_PROVIDERS = ("anthropic", "chat", "codex", "gemini", "code-assist")


def _check_cut(frames: int | None, sent: int | None) -> None:
    check(frames is None or sent is None, "after_bytes", "left out when after_frames is given")
    check(frames is None or (is_whole(frames) and frames >= 0), "after_frames", "a whole number, at least 0")
    check(sent is None or (is_whole(sent) and sent >= 0), "after_bytes", "a whole number, at least 0")


def _check_headers(headers: tuple[tuple[str, str], ...]) -> None:
    for pair in headers:
        good = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        check(good, "headers", "pairs of a name and a value, both of them strings")
        clean = pair[0] != "" and not any(c in part for part in pair for c in "\r\n\0")
        check(clean, "headers", "free of line breaks, each with a name")


_PARTIAL = Text("This answer was cut short by the fake before its end.", chunks=8)


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP error, in the provider's own body shape, or a redirect (3xx), which has a `location` header.

    `error` is the provider's error type or code, the usual one for the status when empty. `headers` are sent
    as given, `retry-after` included: no status sends one by itself. With `repeats_key` the API key or the token that
    the request showed stands for each `{key}` in the error and the message, or behind the message where there is none
    in either, as some providers have it.
    """

    code: int
    error: str = ""
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    repeats_key: bool = field(default=False, kw_only=True)
    gate: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check(is_whole(self.code) and 300 <= self.code <= 599, "code", "an HTTP error status or a redirect, 300 to 599")
        check(isinstance(self.error, str), "error", "a string")
        check(isinstance(self.message, str), "message", "a string")
        check(isinstance(self.repeats_key, bool), "repeats_key", "true or false")
        _check_headers(self.headers)
        leads = any(name.lower() == "location" for name, _ in self.headers)
        check(self.code >= 400 or leads, "headers", "with a location, where the code is that of a redirect")
        check_gate(self.gate)


@dataclass(frozen=True, slots=True)
class StreamError:
    """The stream starts with a good status, then reports an error in the provider's own event."""

    error: str
    message: str = ""
    after_frames: int = field(default=0, kw_only=True)
    answer: Answer = field(default=_PARTIAL, kw_only=True)
    gate: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check(isinstance(self.error, str) and self.error != "", "error", "the provider's error code")
        check(isinstance(self.message, str), "message", "a string")
        _check_cut(self.after_frames, None)
        check(isinstance(self.answer, Answer), "answer", "a Text, a ToolCall or Parts")
        check_gate(self.gate)


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing, then drop the connection when released (at `gate`, or at the gate "stall" without one).

    With `after_frames` the head and that many frames of `answer` are sent first; with more than it has, the answer is
    complete and only the end of the response is missing.
    """

    after_frames: int | None = None
    answer: Answer = field(default=_PARTIAL, kw_only=True)
    gate: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_cut(self.after_frames, None)
        check(isinstance(self.answer, Answer), "answer", "a Text, a ToolCall or Parts")
        check_gate(self.gate)


@dataclass(frozen=True, slots=True)
class Reset:
    """Cut with a TCP reset: before any byte, or after so many frames (or body bytes) of `answer`."""

    after_frames: int | None = None
    after_bytes: int | None = field(default=None, kw_only=True)
    answer: Answer = field(default=_PARTIAL, kw_only=True)
    gate: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_cut(self.after_frames, self.after_bytes)
        check(isinstance(self.answer, Answer), "answer", "a Text, a ToolCall or Parts")
        check_gate(self.gate)


@dataclass(frozen=True, slots=True)
class Truncate:
    """Close in good order (FIN) after so many frames (or body bytes) of `answer`, its end missing.

    The HTTP framing is left unfinished too, unless `terminated`: then only the missing events show the cut.
    """

    after_frames: int | None = None
    after_bytes: int | None = field(default=None, kw_only=True)
    terminated: bool = field(default=False, kw_only=True)
    answer: Answer = field(default=_PARTIAL, kw_only=True)
    gate: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_cut(self.after_frames, self.after_bytes)
        given = self.after_frames is not None or self.after_bytes is not None
        check(isinstance(self.terminated, bool), "terminated", "true or false")
        check(given, "after_frames", "given (or after_bytes): say where the stream is cut")
        check(isinstance(self.answer, Answer), "answer", "a Text, a ToolCall or Parts")
        check_gate(self.gate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Any reply, gone wrong on its way in any of the ways of `fakes.broken`, together or alone.

    `answer` is what would have been sent; `delay` is the time in seconds before its first byte. `length` of the framing
    makes the announced content-length wrong, after which the connection is closed.
    """

    answer: Answer | Status = _PARTIAL
    cut: Cut | None = None
    altered: tuple[Altered, ...] = ()
    framing: Framing = PLAIN
    delay: float = 0.0
    gate: str | None = None

    def __post_init__(self) -> None:
        check(isinstance(self.answer, Answer | Status), "answer", "what a model says, or a status")
        check(self.cut is None or isinstance(self.cut, Cut), "cut", "a Cut")
        good = isinstance(self.altered, tuple) and all(isinstance(change, Altered) for change in self.altered)
        check(good, "altered", "a tuple of Altered frames")
        check(isinstance(self.framing, Framing), "framing", "a Framing")
        check_seconds(self.delay, "delay", "seconds before the first byte")
        check_gate(self.gate)


Reply = Answer | Status | StreamError | Stall | Reset | Truncate | Broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a rule can see of a request. `text` is the last user message."""

    provider: str
    model: str
    marker: str
    turn_step: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which requests a rule answers; a field that is None accepts everything.

    `marker` is the name in the newest `[[name]]` of the user's messages, "" when they have none. `turn_step`
    counts the tool results after the last user message. `contains` is a substring of that message.
    """

    provider: str | None = None
    model: str | None = None
    marker: str | None = None
    turn_step: int | None = None
    contains: str | None = None

    def __post_init__(self) -> None:
        check(self.provider in (None, *_PROVIDERS), "provider", f"one of {', '.join(_PROVIDERS)}")
        step = self.turn_step
        check(step is None or (is_whole(step) and step >= 0), "turn_step", "a whole number, at least 0")
        for key in ("model", "marker", "contains"):
            value = getattr(self, key)
            check(value is None or isinstance(value, str), key, "a string")

    def misses(self, request: Request) -> tuple[str, ...]:
        """The names of the fields that do not accept the request; empty when it matches."""
        wanted = (
            ("provider", self.provider, request.provider),
            ("model", self.model, request.model),
            ("marker", self.marker, request.marker),
            ("turn_step", self.turn_step, request.turn_step),
        )
        missed = [name for name, want, got in wanted if want is not None and want != got]
        if self.contains is not None and self.contains not in request.text:
            missed.append("contains")
        return tuple(missed)


@dataclass(frozen=True, slots=True)
class Rule:
    """One named answer. The n-th request that it matches gets the n-th reply.

    After the last reply it repeats that reply, or with `repeat_last=False` no longer matches, so that a later
    rule may answer.
    """

    name: str
    match: Match
    replies: tuple[Reply, ...]
    repeat_last: bool = True

    def __post_init__(self) -> None:
        check(isinstance(self.name, str) and self.name != "", "name", "a rule's name, not empty")
        check(isinstance(self.match, Match), "match", "a Match")
        good = isinstance(self.replies, tuple) and bool(self.replies)
        check(good and all(isinstance(r, Reply) for r in self.replies), "replies", "one reply or more, in order")
        check(isinstance(self.repeat_last, bool), "repeat_last", "true or false")


@dataclass(frozen=True, slots=True)
class Script:
    """Rules in order of precedence: the first that matches answers.

    A strict script answers 404, in the provider's error shape, to a request that no rule matches; otherwise
    such a request gets the text "ok". Either way it is recorded with an empty rule name. With `reading`, connections
    that are opened while this script plays are read slowly, whatever they ask.
    """

    rules: tuple[Rule, ...] = ()
    strict: bool = True
    reading: Reading | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(self.rules))
        check(all(isinstance(rule, Rule) for rule in self.rules), "rules", "Rules")
        check(isinstance(self.strict, bool), "strict", "true or false")
        check(self.reading is None or isinstance(self.reading, Reading), "reading", "a Reading")
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ScriptError(f"rules: the name {twice[0]!r} is used twice; give each rule its own name")

    @classmethod
    def load(cls, path: str | Path) -> "Script":
        """Read a script from a .toml or .json file.

        Raises:
            ScriptError: the file cannot be read or parsed, or a key is unknown, missing or wrong.
        """
        from fakes.script_file import load_script

        return load_script(Path(path))
