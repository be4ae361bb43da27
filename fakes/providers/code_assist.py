"""Code Assist, POST /v1internal:generateContent and :streamGenerateContent, as gemini-cli signs in to it.

Gemini's request and answer, each in an envelope; errors come in a JSON array of one. A 429 says by its reason
whether it passes (RATE_LIMIT_EXCEEDED, the usual one) or not (QUOTA_EXHAUSTED): give either as a status's `error`.
"""

from typing import Any
from urllib.parse import parse_qs

from fakes.answers import Answer
from fakes.events import Provider
from fakes.providers.base import BadRequest, ParsedRequest, Wire, json_object, lenient_object, turn_of
from fakes.providers.gemini import (
    GENERATE,
    JSON_TYPE,
    STREAM,
    TYPE,
    as_json_array,
    chunks_of,
    error_of,
    retry_delay,
    stream_failure,
)
from fakes.providers.gemini_request import read, unknown_name, wrong_type
from fakes.script import Status, StreamError
from fakes.wire.http import HttpReply, HttpRequest
from fakes.wire.sse import CONTENT_TYPE, data_frame, to_bytes

PREFIX = "/v1internal:"
PATHS = tuple(PREFIX + method for method in (GENERATE, STREAM))
_REASONS = ("RATE_LIMIT_EXCEEDED", "QUOTA_EXHAUSTED")
_FIELDS = ("model", "project", "user_prompt_id", "request", "enabled_credit_types", "requestId", "userAgent")


class CodeAssistFormat:
    """The wire format of Code Assist's generateContent."""

    provider: Provider = "code-assist"

    def peek(self, request: HttpRequest) -> tuple[str, bool]:
        """The model, from the body, and whether the method streams, from the path."""
        model = lenient_object(request).get("model")
        stream = request.path == PREFIX + STREAM
        return (_bare(model) if isinstance(model, str) else ""), stream

    def parse(self, request: HttpRequest) -> ParsedRequest:
        """Read and validate a request; raises BadRequest as the API would answer 400."""
        body = json_object(request)
        model, inner = _opened(body)
        sse = "sse" in parse_qs(request.query).get("alt", [])
        turn = turn_of(read(inner, "request", model))
        stream = request.path == PREFIX + STREAM
        return ParsedRequest(model=model, stream=stream, turn=turn, prompt_size=len(request.body), sse=sse)

    def frames(self, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
        """Gemini's chunks, each in an envelope with the trace's identifier."""
        trace = f"{exchange:020d}"
        bodies = [{"response": chunk, "traceId": trace} for chunk in chunks_of(answer, parsed, exchange)]
        if not parsed.stream:
            return Wire(frames=[to_bytes(bodies[0])], content_type=JSON_TYPE)
        if not parsed.sse:
            return Wire(frames=as_json_array([to_bytes(body) for body in bodies]), content_type=JSON_TYPE)
        return Wire(frames=[data_frame(body) for body in bodies], content_type=CONTENT_TYPE)

    def failure(self, error: StreamError, parsed: ParsedRequest, exchange: int, position: int) -> bytes:
        """A frame with the error object in place of a chunk."""
        body = stream_failure(error)
        return data_frame(body) if parsed.sse else (b",\n" if position else b"[") + to_bytes(body) + b"]"

    def error(self, status: Status, param: str = "", exchange: int = 0) -> HttpReply:
        """[{"error":{"code","message","status","details"}}]."""
        named = status.error not in _REASONS
        error = error_of(status if named else Status(status.code, message=status.message))
        if status.code == 429:
            error["details"] = _quota_details(status)
        elif param:
            violation = {"field": param, "description": error["message"]}
            error["details"] = [{"@type": f"{TYPE}BadRequest", "fieldViolations": [violation]}]
        body = b"[" + to_bytes({"error": error}) + b"]"
        return HttpReply(status=status.code, body=body, headers=status.headers, content_type=JSON_TYPE)

    def request_id(self, exchange: int) -> tuple[tuple[str, str], ...]:
        """None: an answer of Google's names itself in its body."""
        return ()


def _bare(model: str) -> str:
    return model.removeprefix("models/")


def _opened(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The model and the request in its envelope."""
    for name in body:
        if name not in _FIELDS:
            raise unknown_name(name)
    model, inner = body.get("model"), body.get("request")
    if model is not None and not isinstance(model, str):
        raise wrong_type("model", "TYPE_STRING", model)
    if not model:
        raise BadRequest("Request contains an invalid argument: model is not specified.", "model")
    if not isinstance(inner, dict):
        kind = "type.googleapis.com/google.internal.cloud.code.v1internal.GenerateContentRequest"
        raise wrong_type("request", kind, inner)
    return _bare(model), inner


def _quota_details(status: Status) -> list[dict[str, Any]]:
    reason = status.error if status.error in _REASONS else _REASONS[0]
    info = {"@type": f"{TYPE}ErrorInfo", "reason": reason, "domain": "cloudcode-pa.googleapis.com"}
    retry = [retry_delay(dict(status.headers))] if reason == _REASONS[0] else []
    return [{**info, "metadata": {"uiMessage": "true"}}, *retry]
