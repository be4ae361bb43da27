"""The seam between a provider's wire format and the rest: what was asked, and what to send.

Also what the formats share: finding the turn's marker and step, counting tokens, and reading JSON. No provider's
own field names appear here.
"""

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fakes.answers import Answer, Parts, Text, Thinking, ToolCall, parts_of
from fakes.events import Provider
from fakes.script import Status, StreamError
from fakes.wire.http import HttpReply, HttpRequest, UnreadableBody, decoded_body
from fakes.wire.sse import compact

_BEGINNING = 300  # characters of a text that the client has put in by itself
_SIGNED = b"fakes"  # begins what stands in a signature
_STANDARD = str.maketrans("-_", "+/")
_MARKER = re.compile(r"\[\[([A-Za-z0-9._-]+)\]\]")


class BadRequest(Exception):
    """The provider would refuse the request.

    `param` names the field, "" for the whole body; `code` is the provider's own code for the complaint, "" for the
    usual one of a 400; `body` is the whole answer, where it does not have the provider's usual shape; `status` is
    400 but for what the provider says it does not find.
    """

    def __init__(
        self,
        message: str,
        param: str = "",
        code: str = "",
        body: Mapping[str, Any] | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.body = body


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Where a conversation stands: the last user message, its marker, the tool results after it.

    `added` is how each text begins that the client has put in by itself.
    """

    text: str
    marker: str
    step: int
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRequest:
    """What every wire format extracts of a request.

    `prompt_size` is the body's length in bytes; `sse` is false for a stream that is not server-sent events;
    `reports_usage` is false for a stream whose client did not ask for token counts; `asked_at` is the second, by the
    server's clock, that the answer states, 0 where answers state none. `stored` is whether a client may come back to
    the answer by its name, `background` whether it is worked out while nobody waits for it, and `previous` the name of
    the answer that this one goes on from, "" for none. `warms_up` is true when no answer is wanted: the prompt is only
    to be read into the provider's cache.
    """

    model: str
    stream: bool
    turn: Turn
    prompt_size: int
    sse: bool = True
    reports_usage: bool = True
    asked_at: int = 0
    stored: bool = False
    background: bool = False
    previous: str = ""
    warms_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """An answer in a provider's format: stream frames, or one body when not streaming."""

    frames: list[bytes]
    content_type: str


class WireFormat(Protocol):
    """One provider's wire format."""

    provider: Provider

    def __hash__(self) -> int:
        """Formats have no state: by identity."""

    def peek(self, request: HttpRequest) -> tuple[str, bool]:
        """The model and the stream flag as far as they can be read, also of a request that is refused."""

    def parse(self, request: HttpRequest) -> ParsedRequest:
        """Read and validate a request.

        Raises:
            BadRequest: the provider would answer 400.
            UnreadableBody: the body cannot be decoded.
        """

    def frames(self, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
        """The answer. `exchange` makes its identifiers unique: each holds it in decimal, 20 digits or wider."""

    def failure(self, error: StreamError, parsed: ParsedRequest, exchange: int, position: int) -> bytes:
        """The frame by which a stream reports an error, as its frame number `position` from 0."""

    def error(self, status: Status, param: str = "", exchange: int = 0) -> HttpReply:
        """An HTTP error in the provider's shape."""

    def request_id(self, exchange: int) -> tuple[tuple[str, str], ...]:
        """The header by which the provider names every request, errors included; none where it has no such header."""


# One element of a conversation: a user's text by its message number, or a tool result (None).
Element = tuple[int, str] | None


def turn_of(elements: Iterable[Element]) -> Turn:
    """Where the conversation stands.

    Consecutive texts of one message are one text. What a client adds by itself in a `<system-reminder>` is
    not a user's text. The marker is the newest one that any user's text has: clients put unanswered messages
    in front of the next, and some send a message of their own when they go on with another model.
    """
    number, texts, step, marker = -1, [""], 0, ""
    added = list[str]()
    for element in elements:
        if element is None:
            step += 1
        elif element[1].lstrip().startswith("<system-reminder>"):
            added.append(element[1][:_BEGINNING])
        else:
            fresh = element[0] != number or step > 0
            texts = [element[1]] if fresh else [*texts, element[1]]
            number, step = element[0], 0
            marker = [marker, *_MARKER.findall(element[1])][-1]
    return Turn(text="\n".join(texts), marker=marker, step=step, added=tuple(added))


def markers_in(request: HttpRequest) -> tuple[str, ...]:
    """Every `[[name]]` of a request that was read, in order: of the whole conversation, whoever said it."""
    return markers_of(decoded_body(request).decode(errors="replace"))


def markers_of(text: str) -> tuple[str, ...]:
    """The same of any text."""
    return tuple(_MARKER.findall(text))


def json_object(request: HttpRequest) -> dict[str, Any]:
    """The request's body as a JSON object.

    Raises:
        BadRequest: it is not one.
        UnreadableBody: it cannot be decoded.
    """
    try:
        body = decoded_body(request)
        data = _DECODER.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the request body is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadRequest("the request body must be a JSON object")
    return data


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # json.loads would make one for each request


def is_number(value: object) -> bool:
    """Whether it is a JSON number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def lenient_object(request: HttpRequest) -> dict[str, Any]:
    """The request's body as a JSON object, empty when it is not one: only to record what was asked."""
    try:
        return json_object(request)
    except (BadRequest, UnreadableBody):
        return {}


def pieces(text: str, count: int) -> list[str]:
    """The text in at most `count` pieces of nearly equal length, none empty unless the text is."""
    count = max(1, min(count, len(text)))
    bounds = [len(text) * i // count for i in range(count + 1)]
    return [text[start:end] for start, end in itertools.pairwise(bounds)]


def tokens(size: int) -> int:
    """A plausible token count for so many bytes or characters: never 0."""
    return max(1, size // 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts: `cached` is part of `prompt`, `thought` comes on top of `said`."""

    prompt: int
    cached: int
    said: int
    thought: int

    @property
    def output(self) -> int:
        """All that the model produced."""
        return self.said + self.thought

    @property
    def total(self) -> int:
        """Prompt and output."""
        return self.prompt + self.output


def usage_of(answer: Answer, parsed: ParsedRequest) -> Usage:
    """What a provider would count for this answer."""
    said = thought = 0
    for part in parts_of(answer):
        match part:
            case Text():
                said += len(part.text)
            case ToolCall():
                said += len(arguments_of(part))
            case Thinking():
                thought += len(part.text)
    prompt = tokens(parsed.prompt_size)
    cached = min(answer.cached, prompt) if isinstance(answer, Parts) else 0
    spoken = tokens(said) if parts_of(answer) else 0
    return Usage(prompt=prompt, cached=cached, said=spoken, thought=tokens(thought) if thought else 0)


def arguments_of(call: ToolCall) -> str:
    """What a tool gets, as JSON."""
    return compact(call.passed)


def part_number(exchange: int, index: int) -> str:
    """Tells the parts of one answer apart in their identifiers, which stay unique over all exchanges."""
    return f"{index:02d}{exchange:022d}"


def signature_of(text: str) -> str:
    """An opaque proof that goes with what a model thought or called, as providers add one: base64, one for one text."""
    digest = hashlib.sha512(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b64encode(_SIGNED + digest).decode()


def is_signature(text: object) -> bool:
    """Whether it is one of `signature_of`, in either alphabet of base64 (RFC 4648)."""
    try:
        return isinstance(text, str) and base64.b64decode(text.translate(_STANDARD), validate=True).startswith(_SIGNED)
    except ValueError:
        return False
