"""OpenAI Responses: POST /v1/responses, and POST /backend-api/codex/responses as Codex sign-in uses it.

Event order, sequence numbers and fields are those of the official SDK's types, which the tests use as an
oracle. The ChatGPT backend only streams and never stores, so there `stream: true` and `store: false` are
required. Credentials are not looked at here.
"""

import time
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from fakes.events import Provider
from fakes.providers.base import (
    BadRequest,
    Element,
    ParsedRequest,
    Wire,
    json_object,
    lenient_object,
    listed,
    mapping,
    pieces,
    tokens,
    turn_of,
)
from fakes.script import Answer, Status, StreamError, Text
from fakes.wire.http import HttpReply, HttpRequest
from fakes.wire.sse import CONTENT_TYPE, compact, named_frame, to_bytes

BACKEND_PATH = "/backend-api/codex/responses"

_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
_CODES = {401: "invalid_api_key", 404: "not_found", 429: "rate_limit_exceeded", 503: "server_is_overloaded"}
_USAGE_LIMIT = "usage_limit_reached"
_RESETS_IN_SECONDS = 3600
_OUTPUTS = (
    "function_call_output",
    "custom_tool_call_output",
    "local_shell_call_output",
    "shell_call_output",
    "mcp_tool_call_output",
)


class CodexFormat:
    """The wire format of POST …/responses."""

    provider: Provider = "codex"

    def peek(self, request: HttpRequest) -> tuple[str, bool]:
        """The model and the stream flag, as far as they can be read."""
        body = lenient_object(request)
        model = body.get("model")
        return model if isinstance(model, str) else "", body.get("stream") is True

    def parse(self, request: HttpRequest) -> ParsedRequest:
        """Read and validate a request; raises BadRequest as the API would answer 400."""
        body = json_object(request)
        model, stream = body.get("model"), body.get("stream") or False
        if not isinstance(model, str) or not model:
            raise BadRequest("Missing required parameter: 'model'.", "model")
        if not isinstance(stream, bool):
            raise BadRequest("Invalid type for 'stream': expected a boolean.", "stream")
        if request.path == BACKEND_PATH:
            _check_backend(body)
        given = body.get("input")
        if given is None or given in ("", []):
            raise BadRequest("Missing required parameter: 'input'.", "input")
        elements: list[Element] = [(0, given)] if isinstance(given, str) else list(_elements(given))
        size = len(request.body)
        return ParsedRequest(model=model, stream=stream, turn=turn_of(elements), prompt_size=size)

    def frames(self, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
        """The events from response.created to response.completed, or the response."""
        if not parsed.stream:
            done = _response(parsed, exchange, "completed", answer)
            return Wire(frames=[to_bytes(done)], content_type="application/json")
        numbers = count()
        events = _events(answer, parsed, exchange)
        return Wire(
            frames=[_numbered(name, fields, next(numbers)) for name, fields in events],
            content_type=CONTENT_TYPE,
        )

    def failure(self, error: StreamError, parsed: ParsedRequest, exchange: int, position: int) -> bytes:
        """A response.failed event that carries the error code."""
        message = error.message or "The fake was told to fail here."
        failed = _response(parsed, exchange, "failed", None)
        failed["error"] = {"code": error.error, "message": message}
        return _numbered("response.failed", {"response": failed}, position)

    def error(self, status: Status, param: str = "", exchange: int = 0) -> HttpReply:
        """{"error":{"message","type","param","code"}}, or the plan's usage limit for usage_limit_reached."""
        if status.error == _USAGE_LIMIT:
            return _usage_limit(status)
        usual = "server_error" if status.code >= 500 else "invalid_request_error"
        error = {
            "message": status.message or f"The fake was told to answer {status.code}.",
            "type": _ERROR_TYPES.get(status.code, usual),
            "param": param or None,
            "code": status.error or _CODES.get(status.code),
        }
        headers = (("x-request-id", f"req_{exchange:032d}"), *status.headers)
        return HttpReply(status=status.code, body=to_bytes({"error": error}), headers=headers)


def _check_backend(body: Mapping[str, Any]) -> None:
    if body.get("stream") is not True:
        raise BadRequest("Stream must be set to true", "stream")
    if body.get("store") is not False:
        raise BadRequest("Store must be set to false", "store")


def _usage_limit(status: Status) -> HttpReply:
    resets_at = int(time.time()) + _RESETS_IN_SECONDS
    error = {
        "type": _USAGE_LIMIT,
        "message": status.message or "The usage limit has been reached",
        "plan_type": "plus",
        "resets_at": resets_at,
        "resets_in_seconds": _RESETS_IN_SECONDS,
    }
    limits = (
        ("x-codex-primary-used-percent", "100"),
        ("x-codex-primary-window-minutes", "300"),
        ("x-codex-primary-reset-at", str(resets_at)),
    )
    return HttpReply(status=status.code, body=to_bytes({"error": error}), headers=(*limits, *status.headers))


def _elements(given: object) -> Iterator[Element]:
    for number, item in enumerate(listed(given, "input")):
        kind = mapping(item, f"input[{number}]").get("type", "message")
        if kind in _OUTPUTS:
            yield None
        elif kind == "message" and item.get("role") == "user":
            yield from _texts(number, item.get("content"))


def _texts(number: int, content: object) -> Iterator[Element]:
    where = f"input[{number}].content"
    if isinstance(content, str):
        yield number, content
        return
    for part in listed(content, where):
        text = mapping(part, where).get("text")
        if isinstance(text, str):
            yield number, text


def _numbered(name: str, fields: dict[str, Any], number: int) -> bytes:
    return named_frame(name, {"type": name, "sequence_number": number, **fields})


def _usage(answer: Answer, parsed: ParsedRequest) -> dict[str, Any]:
    prompt = tokens(parsed.prompt_size)
    arguments = "" if isinstance(answer, Text) else compact(dict(answer.arguments))
    output = tokens(len(answer.text) + len(arguments))
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + output,
    }


def _response(parsed: ParsedRequest, exchange: int, state: str, answer: Answer | None) -> dict[str, Any]:
    return {
        "id": f"resp_{exchange:032d}",
        "object": "response",
        "created_at": int(time.time()),
        "status": state,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": parsed.model,
        "output": _items(answer, exchange) if answer is not None else [],
        "parallel_tool_calls": True,
        "store": False,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": _usage(answer, parsed) if answer is not None else None,
    }


def _message_item(exchange: int, state: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    item = {"id": f"msg_{exchange:032d}", "type": "message", "status": state, "role": "assistant"}
    return {**item, "content": content}


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call_item(exchange: int, state: str, name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": f"fc_{exchange:032d}",
        "type": "function_call",
        "status": state,
        "call_id": f"call_{exchange:024d}",
        "name": name,
        "arguments": arguments,
    }


def _items(answer: Answer, exchange: int) -> list[dict[str, Any]]:
    items = []
    if isinstance(answer, Text) or answer.text:
        items.append(_message_item(exchange, "completed", [_text_part(answer.text)]))
    if not isinstance(answer, Text):
        items.append(_call_item(exchange, "completed", answer.name, compact(dict(answer.arguments))))
    return items


_Event = tuple[str, dict[str, Any]]


def _events(answer: Answer, parsed: ParsedRequest, exchange: int) -> Iterator[_Event]:
    opening = _response(parsed, exchange, "in_progress", None)
    yield "response.created", {"response": opening}
    yield "response.in_progress", {"response": opening}
    index = 0
    if isinstance(answer, Text) or answer.text:
        yield from _text_events(answer, exchange)
        index = 1
    if not isinstance(answer, Text):
        arguments = compact(dict(answer.arguments))
        yield from _call_events(answer.name, arguments, index, exchange)
    yield "response.completed", {"response": _response(parsed, exchange, "completed", answer)}


def _text_events(answer: Answer, exchange: int) -> Iterator[_Event]:
    text, at = answer.text, {"output_index": 0}
    item = {"item_id": f"msg_{exchange:032d}", "output_index": 0, "content_index": 0}
    yield "response.output_item.added", {**at, "item": _message_item(exchange, "in_progress", [])}
    yield "response.content_part.added", {**item, "part": _text_part("")}
    for piece in pieces(text, answer.chunks if isinstance(answer, Text) else 1):
        yield "response.output_text.delta", {**item, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**item, "text": text, "logprobs": []}
    yield "response.content_part.done", {**item, "part": _text_part(text)}
    done = _message_item(exchange, "completed", [_text_part(text)])
    yield "response.output_item.done", {**at, "item": done}


def _call_events(name: str, arguments: str, index: int, exchange: int) -> Iterator[_Event]:
    item = {"item_id": f"fc_{exchange:032d}", "output_index": index}
    opening = _call_item(exchange, "in_progress", name, "")
    yield "response.output_item.added", {"output_index": index, "item": opening}
    for piece in pieces(arguments, 2):
        yield "response.function_call_arguments.delta", {**item, "delta": piece}
    final = {**item, "name": name, "arguments": arguments}
    yield "response.function_call_arguments.done", final
    done = _call_item(exchange, "completed", name, arguments)
    yield "response.output_item.done", {"output_index": index, "item": done}
