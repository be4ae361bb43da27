"""Gemini, POST /{v1,v1beta}/models/{m}:generateContent and :streamGenerateContent: its chunks, bodies and errors.

The stream is server-sent events with `alt=sse`, otherwise a JSON array, as the API does. What is refused stands in
`fakes.providers.gemini_request`.
"""

import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote

from fakes.answers import Answer, Part, Text, Thinking, ToolCall, parts_of, stop_of
from fakes.events import Provider
from fakes.providers.base import (
    ParsedRequest,
    Wire,
    json_object,
    part_number,
    pieces,
    signature_of,
    tokens,
    turn_of,
    usage_of,
)
from fakes.providers.gemini_request import read, signs_calls
from fakes.script import Status, StreamError
from fakes.wire.http import HttpReply, HttpRequest
from fakes.wire.sse import CONTENT_TYPE, compact, data_frame, to_bytes

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_KEY_INVALID = "API_KEY_INVALID"  # Google names it in the details; the status is that of any bad request
_MESSAGES: dict[int | str, str] = {
    _KEY_INVALID: "API key not valid. Please pass a valid API key.",
    401: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
    " authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    403: "The caller does not have permission",
    404: "Requested entity was not found.",
    504: "Deadline expired before operation could complete.",
    500: "Internal error encountered.",
    429: "You exceeded your current quota, please check your plan and billing details.",
    503: "The model is overloaded. Please try again later.",
}
JSON_TYPE = "application/json; charset=UTF-8"
GENERATE, STREAM, COUNT = "generateContent", "streamGenerateContent", "countTokens"
TYPE = "type.googleapis.com/google.rpc."
_STOPS = {"end": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}


def model_and_method(path: str) -> tuple[str, str] | None:
    """The model id and the method of a path such as /v1beta/models/m:generateContent; None for other paths.

    The id may carry its `models/` prefix twice, or be a tuned model's (`tunedModels/…`).
    """
    for root in ("/v1beta/", "/v1/"):
        if path.startswith(root):
            name, colon, method = unquote(path.removeprefix(root)).rpartition(":")
            known = name.startswith(("models/", "tunedModels/"))
            if not (colon and known and method in (GENERATE, STREAM, COUNT)):
                return None
            while name.startswith("models/"):
                name = name.removeprefix("models/")
            return (name, method) if name else None
    return None


class GeminiFormat:
    """The wire format of generateContent."""

    provider: Provider = "gemini"

    def peek(self, request: HttpRequest) -> tuple[str, bool]:
        """The model and whether the method streams, both from the path."""
        found = model_and_method(request.path)
        return (found[0], found[1] == STREAM) if found else ("", False)

    def parse(self, request: HttpRequest) -> ParsedRequest:
        """Read and validate a request; raises BadRequest as the API would answer 400."""
        model, stream = self.peek(request)
        turn = turn_of(read(json_object(request), model=model))
        sse = "sse" in parse_qs(request.query).get("alt", [])
        size = len(request.body)
        return ParsedRequest(model=model, stream=stream, turn=turn, prompt_size=size, sse=sse)

    def frames(self, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
        """Response chunks; the last one carries finishReason and the full usage."""
        bodies = chunks_of(answer, parsed, exchange)
        if not parsed.stream:
            return Wire(frames=[to_bytes(bodies[0])], content_type=JSON_TYPE)
        if not parsed.sse:
            return Wire(frames=as_json_array([to_bytes(body) for body in bodies]), content_type=JSON_TYPE)
        return Wire(frames=[data_frame(body) for body in bodies], content_type=CONTENT_TYPE)

    def failure(self, error: StreamError, parsed: ParsedRequest, exchange: int, position: int) -> bytes:
        """A data frame with the error object in place of a chunk."""
        body = stream_failure(error)
        return data_frame(body) if parsed.sse else (b",\n" if position else b"[") + to_bytes(body) + b"]"

    def error(self, status: Status, param: str = "", exchange: int = 0) -> HttpReply:
        """{"error":{"code","message","status","details"}}."""
        error = error_of(status)
        if status.code == 429:
            error["details"] = _quota_details(dict(status.headers))
        elif status.error == _KEY_INVALID:
            error["details"] = [_key_invalid()]
        elif param:
            violation = {"field": param, "description": error["message"]}
            error["details"] = [{"@type": f"{TYPE}BadRequest", "fieldViolations": [violation]}]
        body = to_bytes({"error": error})
        return HttpReply(status=status.code, body=body, headers=status.headers, content_type=JSON_TYPE)

    def request_id(self, exchange: int) -> tuple[tuple[str, str], ...]:
        """None: an answer of Google's names itself in its body."""
        return ()


def error_of(status: Status) -> dict[str, Any]:
    """The error object of a status, without details."""
    usual = _STATUSES.get(status.code, "INTERNAL" if status.code >= 500 else "INVALID_ARGUMENT")
    words = _MESSAGES.get(status.error) or _MESSAGES.get(status.code) or f"The fake was told to answer {status.code}."
    name = "" if status.error == _KEY_INVALID else status.error
    return {"code": status.code, "message": status.message or words, "status": name or usual}


def _key_invalid() -> dict[str, Any]:
    where = {"service": "generativelanguage.googleapis.com"}
    return {"@type": f"{TYPE}ErrorInfo", "reason": _KEY_INVALID, "domain": "googleapis.com", "metadata": where}


def stream_failure(error: StreamError) -> dict[str, Any]:
    """What stands in place of a chunk when a stream fails."""
    code = next((code for code, name in _STATUSES.items() if name == error.error), 500)
    message = error.message or _MESSAGES.get(code, "The fake was told to fail here.")
    return {"error": {"code": code, "message": message, "status": error.error}}


def retry_delay(headers: dict[str, str]) -> dict[str, Any]:
    """How long to wait, as a detail of an error: what a scripted retry-after says, else 26 s as seen in the wild."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return {"@type": f"{TYPE}RetryInfo", "retryDelay": f"{lowered.get('retry-after', '26')}s"}


def as_json_array(bodies: list[bytes]) -> list[bytes]:
    """Each body with its share of an array's brackets and commas."""
    last = len(bodies) - 1
    return [
        (b"[" if number == 0 else b",\n") + body + (b"]" if number == last else b"")
        for number, body in enumerate(bodies)
    ]


def _quota_details(headers: dict[str, str]) -> list[dict[str, Any]]:
    metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
    violation = {
        "quotaMetric": metric,
        "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    }
    link = {
        "description": "Learn more about quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    return [
        {"@type": f"{TYPE}QuotaFailure", "violations": [violation]},
        {"@type": f"{TYPE}Help", "links": [link]},
        retry_delay(headers),
    ]


def chunks_of(answer: Answer, parsed: ParsedRequest, exchange: int) -> list[dict[str, Any]]:
    """The response in chunks, or in one when it is not streamed; the last has finishReason and all of the usage.

    A model that declines without a word has not been asked: the prompt itself was blocked, and there is no candidate.
    """
    if stop_of(answer) == "refusal" and not parts_of(answer):
        return [_blocked(parsed, exchange)]
    streamed = list(_streamed(answer, exchange)) if parsed.stream else []
    groups = streamed or [_whole(answer, exchange)]  # a model that says nothing does so in one chunk
    if signs_calls(parsed.model):
        _sign_first_call(groups)
    chunks = [_chunk(parts, parsed, exchange) for parts in groups]
    usage = usage_of(answer, parsed)
    last = chunks[-1]
    last["candidates"][0]["finishReason"] = _STOPS[stop_of(answer)]
    last["usageMetadata"] = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.said,
        "totalTokenCount": usage.total,
        **({"cachedContentTokenCount": usage.cached} if usage.cached else {}),
        **({"thoughtsTokenCount": usage.thought} if usage.thought else {}),
    }
    return chunks


def _blocked(parsed: ParsedRequest, exchange: int) -> dict[str, Any]:
    chunk = _chunk([], parsed, exchange)
    del chunk["candidates"]
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **chunk}


def _chunk(parts: list[dict[str, Any]], parsed: ParsedRequest, exchange: int) -> dict[str, Any]:
    prompt = tokens(parsed.prompt_size)
    said = {"parts": parts} if parts else {}  # JSON of protocol buffers leaves an empty list out
    return {
        "candidates": [{"content": {**said, "role": "model"}, "index": 0}],
        "usageMetadata": {"promptTokenCount": prompt, "totalTokenCount": prompt},
        "modelVersion": parsed.model,
        "responseId": f"resp{exchange:020d}",
    }


def _sign_first_call(groups: list[list[dict[str, Any]]]) -> None:
    """Of several calls at once only the first is signed."""
    for part in itertools.chain(*groups):
        if "functionCall" in part:
            part["thoughtSignature"] = signature_of(compact(part["functionCall"]))
            return


def _whole(answer: Answer, exchange: int) -> list[dict[str, Any]]:
    return [_part(part, exchange, index) for index, part in enumerate(parts_of(answer))]


def _part(part: Part, exchange: int, index: int) -> dict[str, Any]:
    match part:
        case Text():
            return {"text": part.text}
        case Thinking():
            return {"text": part.text, "thought": True, "thoughtSignature": signature_of(part.text)}
        case ToolCall():
            name = f"call{part_number(exchange, index)}"
            return {"functionCall": {"id": name, "name": part.name, "args": part.passed}}


def _streamed(answer: Answer, exchange: int) -> Iterator[list[dict[str, Any]]]:
    """What each chunk carries: a piece of text or of a thought, or tool calls that come at once."""
    calls: list[dict[str, Any]] = []
    for index, part in enumerate(parts_of(answer)):
        if isinstance(part, ToolCall):
            calls.append(_part(part, exchange, index))
            continue
        if calls:
            yield calls
            calls = []
        thought = {"thought": True} if isinstance(part, Thinking) else {}
        *opening, ending = pieces(part.text, part.chunks)
        yield from ([{"text": piece, **thought}] for piece in opening)
        signed = {"thoughtSignature": signature_of(part.text)} if isinstance(part, Thinking) else {}
        yield [{"text": ending, **thought, **signed}]
    if calls:
        yield calls
