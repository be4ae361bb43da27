"""Gemini, POST /{v1,v1beta}/models/{m}:generateContent and :streamGenerateContent.

Requests are read in both spellings that proto3 JSON allows (camelCase and snake_case). The stream is
server-sent events with `alt=sse`, otherwise a JSON array, as the API does. Keys are not looked at.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote

from fakes.events import Provider
from fakes.providers.base import (
    BadRequest,
    Element,
    ParsedRequest,
    Wire,
    json_object,
    listed,
    mapping,
    pieces,
    tokens,
    turn_of,
)
from fakes.script import Answer, Status, StreamError, Text
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
_MESSAGES = {
    429: "You exceeded your current quota, please check your plan and billing details.",
    503: "The model is overloaded. Please try again later.",
}
_METHODS = ("generateContent", "streamGenerateContent")
_TYPE = "type.googleapis.com/google.rpc."


def model_and_method(path: str) -> tuple[str, str] | None:
    """The model id and the method of a path such as /v1beta/models/m:generateContent; None for other paths.

    The id may carry its `models/` prefix twice, or be a tuned model's (`tunedModels/…`).
    """
    for root in ("/v1beta/", "/v1/"):
        if path.startswith(root):
            name, colon, method = unquote(path.removeprefix(root)).rpartition(":")
            known = name.startswith(("models/", "tunedModels/"))
            if not (colon and known and method in _METHODS):
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
        return (found[0], found[1] == _METHODS[1]) if found else ("", False)

    def parse(self, request: HttpRequest) -> ParsedRequest:
        """Read and validate a request; raises BadRequest as the API would answer 400."""
        model, stream = self.peek(request)
        body = json_object(request)
        contents = body.get("contents")
        if not contents:
            message = "* GenerateContentRequest.contents: contents is not specified"
            raise BadRequest(message, "contents")
        turn = turn_of(list(_elements(listed(contents, "contents"))))
        sse = "sse" in parse_qs(request.query).get("alt", [])
        size = len(request.body)
        return ParsedRequest(model=model, stream=stream, turn=turn, prompt_size=size, sse=sse)

    def frames(self, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
        """Response chunks; the last one carries finishReason and the full usage."""
        if not parsed.stream:
            body = _chunk(_parts(answer), "STOP", answer, parsed, exchange)
            return Wire(frames=[to_bytes(body)], content_type="application/json; charset=UTF-8")
        chunks = list(_stream_parts(answer))
        last = len(chunks) - 1
        bodies = [
            _chunk(parts, "STOP" if number == last else None, answer, parsed, exchange)
            for number, parts in enumerate(chunks)
        ]
        if not parsed.sse:
            array = _as_json_array([to_bytes(body) for body in bodies])
            return Wire(frames=array, content_type="application/json; charset=UTF-8")
        return Wire(frames=[data_frame(body) for body in bodies], content_type=CONTENT_TYPE)

    def failure(self, error: StreamError, parsed: ParsedRequest, exchange: int, position: int) -> bytes:
        """A data frame with the error object in place of a chunk."""
        code = next((code for code, name in _STATUSES.items() if name == error.error), 500)
        message = error.message or "The fake was told to fail here."
        body = {"error": {"code": code, "message": message, "status": error.error}}
        return data_frame(body) if parsed.sse else (b",\n" if position else b"[") + to_bytes(body) + b"]"

    def error(self, status: Status, param: str = "", exchange: int = 0) -> HttpReply:
        """{"error":{"code","message","status","details"}}."""
        usual = "INTERNAL" if status.code >= 500 else "INVALID_ARGUMENT"
        error: dict[str, Any] = {
            "code": status.code,
            "message": status.message or _MESSAGES.get(status.code, f"The fake was told to answer {status.code}."),
            "status": status.error or _STATUSES.get(status.code, usual),
        }
        if status.code == 429:
            error["details"] = _quota_details(dict(status.headers))
        elif param:
            violation = {"field": param, "description": error["message"]}
            error["details"] = [{"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]}]
        body = to_bytes({"error": error})
        return HttpReply(
            status=status.code,
            body=body,
            headers=status.headers,
            content_type="application/json; charset=UTF-8",
        )


def _as_json_array(bodies: list[bytes]) -> list[bytes]:
    last = len(bodies) - 1
    return [
        (b"[" if number == 0 else b",\n") + body + (b"]" if number == last else b"")
        for number, body in enumerate(bodies)
    ]


def _elements(contents: list[Any]) -> Iterator[Element]:
    for number, content in enumerate(contents):
        where = f"contents[{number}]"
        role = mapping(content, where).get("role", "user")
        if role not in ("user", "model", "function", "tool"):
            raise BadRequest("Please use a valid role: user, model.", f"{where}.role")
        for position, part in enumerate(listed(content.get("parts"), f"{where}.parts")):
            mapping(part, f"{where}.parts[{position}]")
            if role == "model":
                continue
            if "functionResponse" in part or "function_response" in part:
                yield None
            elif isinstance(part.get("text"), str):
                yield number, part["text"]


def _quota_details(headers: dict[str, str]) -> list[dict[str, Any]]:
    lowered = {name.lower(): value for name, value in headers.items()}
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
        {"@type": f"{_TYPE}QuotaFailure", "violations": [violation]},
        {"@type": f"{_TYPE}Help", "links": [link]},
        {"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{lowered.get('retry-after', '26')}s"},
    ]


def _call(answer: Answer) -> list[dict[str, Any]]:
    if isinstance(answer, Text):
        return []
    return [{"functionCall": {"name": answer.name, "args": dict(answer.arguments)}}]


def _parts(answer: Answer) -> list[dict[str, Any]]:
    said = [{"text": answer.text}] if isinstance(answer, Text) or answer.text else []
    return [*said, *_call(answer)]


def _stream_parts(answer: Answer) -> Iterator[list[dict[str, Any]]]:
    if isinstance(answer, Text) or answer.text:
        count = answer.chunks if isinstance(answer, Text) else 1
        for piece in pieces(answer.text, count):
            yield [{"text": piece}]
    if not isinstance(answer, Text):
        yield _call(answer)


def _chunk(
    parts: list[dict[str, Any]],
    finish: str | None,
    answer: Answer,
    parsed: ParsedRequest,
    exchange: int,
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    prompt, output = tokens(parsed.prompt_size), tokens(len(compact(_parts(answer))))
    usage = {"promptTokenCount": prompt, "totalTokenCount": prompt}
    if finish:
        candidate["finishReason"] = finish
        usage = {
            "promptTokenCount": prompt,
            "candidatesTokenCount": output,
            "totalTokenCount": prompt + output,
        }
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": parsed.model,
        "responseId": f"resp{exchange:020d}",
    }
