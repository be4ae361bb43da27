"""Anthropic Messages, POST /v1/messages: its frames, bodies and errors.

Field names and frame order are those of the official SDK's types, which the tests use as an oracle. What is
refused stands in `fakes.providers.anthropic_request`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fakes.answers import Answer, Part, Text, Thinking, ToolCall, parts_of, stop_of
from fakes.events import Provider
from fakes.providers.anthropic_request import read
from fakes.providers.base import (
    ParsedRequest,
    Usage,
    Wire,
    arguments_of,
    json_object,
    lenient_object,
    part_number,
    pieces,
    signature_of,
    turn_of,
    usage_of,
)
from fakes.script import Status, StreamError
from fakes.wire.http import HttpReply, HttpRequest
from fakes.wire.sse import CONTENT_TYPE, named_frame, to_bytes

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# Causes that the SDKs read from a place of their own, and the types that they come with.
_THREAD_ERRORS = {
    "thread_not_found": "not_found_error",
    "thread_already_continued": "invalid_request_error",
    "thread_continue_in_flight": "invalid_request_error",
}
_SERVICE = {
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "inference_geo": None,
    "service_tier": "standard",
    "speed": None,
}
# What the API says by itself; of a 400 there is no usual cause, but for the prompt's length, which a script can state.
_MESSAGES = {
    "authentication_error": "invalid x-api-key",
    "permission_error": "Request not allowed",
    "request_too_large": "Request exceeds the maximum size",
    "rate_limit_error": "This request would exceed your rate limit. Please try again later.",
    "api_error": "Internal server error",
    "overloaded_error": "Overloaded",
}


class AnthropicFormat:
    """The wire format of POST /v1/messages."""

    provider: Provider = "anthropic"

    def peek(self, request: HttpRequest) -> tuple[str, bool]:
        """The model and the stream flag, as far as they can be read."""
        body = lenient_object(request)
        model = body.get("model")
        return model if isinstance(model, str) else "", body.get("stream") is True

    def parse(self, request: HttpRequest) -> ParsedRequest:
        """Read and validate a request; raises BadRequest as the API would answer 400."""
        body = json_object(request)
        turn = turn_of(read(body))
        return ParsedRequest(
            model=body["model"],
            stream=body.get("stream") is True,
            turn=turn,
            prompt_size=len(request.body),
            warms_up=body["max_tokens"] == 0,
        )

    def frames(self, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
        """The event stream from message_start to message_stop, or the message."""
        usage = usage_of(answer, parsed)
        if not parsed.stream:
            message = _message(_blocks(answer, exchange), _stop_reason(answer), usage, parsed, exchange)
            return Wire(frames=[to_bytes(message)], content_type="application/json")
        opening = _message([], None, replace(usage, said=1, thought=0), parsed, exchange)
        ending = {"stop_reason": _stop_reason(answer), "stop_sequence": None, "stop_details": None, "container": None}
        frames = [
            _event("message_start", message=opening),
            *_block_frames(answer, exchange),
            _event("message_delta", delta=ending, usage=_usage(usage)),
            _event("message_stop"),
        ]
        return Wire(frames=frames, content_type=CONTENT_TYPE)

    def failure(self, error: StreamError, parsed: ParsedRequest, exchange: int, position: int) -> bytes:
        """An `event: error` frame."""
        message = error.message or _MESSAGES.get(error.error, "The fake was told to fail here.")
        return named_frame("error", {"type": "error", "error": {"type": error.error, "message": message}})

    def error(self, status: Status, param: str = "", exchange: int = 0) -> HttpReply:
        """{"type":"error","error":{…},"request_id":…}."""
        usual = _ERROR_TYPES.get(status.code, "api_error" if status.code >= 500 else "invalid_request_error")
        kind = status.error or usual
        error: dict[str, Any] = {
            "type": kind,
            "message": status.message or _MESSAGES.get(kind, f"The fake was told to answer {status.code}."),
        }
        if status.error in _THREAD_ERRORS:
            error |= {"type": _THREAD_ERRORS[status.error], "details": {"error_code": status.error}}
        named = self.request_id(exchange)
        body = to_bytes({"type": "error", "error": error, "request_id": named[0][1]})
        return HttpReply(status=status.code, body=body, headers=(*named, *status.headers))

    def request_id(self, exchange: int) -> tuple[tuple[str, str], ...]:
        """The header `request-id`."""
        return (("request-id", f"req_{exchange:024d}"),)


def _event(name: str, **fields: Any) -> bytes:
    return named_frame(name, {"type": name, **fields})


def _stop_reason(answer: Answer) -> str:
    stop = stop_of(answer)
    if stop != "end":
        return "max_tokens" if stop == "length" else "refusal"
    return "tool_use" if any(isinstance(part, ToolCall) for part in parts_of(answer)) else "end_turn"


def _usage(usage: Usage) -> dict[str, Any]:
    """The counts; what came from the cache is not among `input_tokens`."""
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.thought},
        "server_tool_use": None,
    }


def _message(
    content: list[dict[str, Any]], stop: str | None, usage: Usage, parsed: ParsedRequest, exchange: int
) -> dict[str, Any]:
    return {
        "id": f"msg_{exchange:024d}",
        "type": "message",
        "role": "assistant",
        "model": parsed.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "diagnostics": None,
        "usage": {**_usage(usage), **_SERVICE},
    }


def _blocks(answer: Answer, exchange: int) -> list[dict[str, Any]]:
    return [_block(part, exchange, index) for index, part in enumerate(parts_of(answer))]


def _block(part: Part, exchange: int, index: int) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text, "citations": []}  # some clients take no null
        case Thinking():
            return {"type": "thinking", "thinking": part.text, "signature": signature_of(part.text)}
        case ToolCall():
            name = f"toolu_{part_number(exchange, index)}"
            call = {"type": "tool_use", "id": name, "name": part.name, "input": part.passed}
            return {**call, "caller": {"type": "direct"}}


_EMPTY: dict[str, dict[str, Any]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}


def _block_frames(answer: Answer, exchange: int) -> Iterator[bytes]:
    if not parts_of(answer):
        yield _event("ping")
    for index, (part, block) in enumerate(zip(parts_of(answer), _blocks(answer, exchange), strict=True)):
        opening = block | _EMPTY[block["type"]]
        yield _event("content_block_start", index=index, content_block=opening)
        if index == 0:
            yield _event("ping")
        for delta in _deltas(part, block):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)


def _deltas(part: Part, block: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    match part:
        case Text():
            for piece in pieces(part.text, part.chunks):
                yield {"type": "text_delta", "text": piece}
        case Thinking():
            for piece in pieces(part.text, part.chunks):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case ToolCall():
            for piece in ("", *pieces(arguments_of(part), 2)):
                yield {"type": "input_json_delta", "partial_json": piece}
