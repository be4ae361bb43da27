"""OpenAI Responses: POST /v1/responses, and POST /backend-api/codex/responses as Codex sign-in uses it.

Event order, sequence numbers and fields are those of the official SDK's types, which the tests use as an
oracle. What is refused stands in `fakes.providers.responses_request`.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from fakes.answers import Answer, Part, Text, Thinking, ToolCall, parts_of, stop_of
from fakes.events import Provider
from fakes.providers.base import (
    ParsedRequest,
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
from fakes.providers.openai_words import error_reply, request_id, streamed_message
from fakes.providers.responses_request import check_backend, read
from fakes.script import Status, StreamError
from fakes.wire.http import HttpReply, HttpRequest
from fakes.wire.sse import CONTENT_TYPE, named_frame, to_bytes

BACKEND_PATH = "/backend-api/codex/responses"

_USAGE_LIMIT = "usage_limit_reached"
_RESETS_IN_SECONDS = 3600
_INCOMPLETE = {"length": "max_output_tokens", "refusal": "content_filter"}


class CodexFormat:
    """The wire format of POST …/responses. `clock` is for what an answer says of time, in seconds since the epoch."""

    provider: Provider = "codex"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def peek(self, request: HttpRequest) -> tuple[str, bool]:
        """The model and the stream flag, as far as they can be read."""
        body = lenient_object(request)
        model = body.get("model")
        return model if isinstance(model, str) else "", body.get("stream") is True

    def parse(self, request: HttpRequest) -> ParsedRequest:
        """Read and validate a request; raises BadRequest as the API would answer 400."""
        body = json_object(request)
        if request.path == BACKEND_PATH:
            check_backend(body)
        turn = turn_of(read(body))
        stream = body.get("stream") is True
        model = body.get("model") or ""  # a prompt template may choose it
        return ParsedRequest(
            model=model,
            stream=stream,
            turn=turn,
            prompt_size=len(request.body),
            asked_at=int(self._clock()),
            stored=body.get("store") is not False,
            background=body.get("background") is True,
            previous=body.get("previous_response_id") or "",
        )

    def frames(self, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
        """The events from response.created to response.completed, or the response."""
        if not parsed.stream:
            said = unfinished(parsed, exchange, "queued") if parsed.background else response(parsed, exchange, answer)
            return Wire(frames=[to_bytes(said)], content_type="application/json")
        events = enumerate(_events(answer, parsed, exchange))
        frames = [_numbered(name, fields, number) for number, (name, fields) in events]
        return Wire(frames=frames, content_type=CONTENT_TYPE)

    def failure(self, error: StreamError, parsed: ParsedRequest, exchange: int, position: int) -> bytes:
        """A response.failed event that carries the error code."""
        failed = unfinished(parsed, exchange, "failed")
        failed["error"] = {"code": error.error, "message": streamed_message(error)}
        return _numbered("response.failed", {"response": failed}, position)

    def error(self, status: Status, param: str = "", exchange: int = 0) -> HttpReply:
        """{"error":{"message","type","param","code"}}, or the plan's usage limit for usage_limit_reached."""
        if status.error == _USAGE_LIMIT:
            return _usage_limit(status, int(self._clock()), exchange)
        return error_reply(status, param, exchange)

    def request_id(self, exchange: int) -> tuple[tuple[str, str], ...]:
        """The header `x-request-id`."""
        return request_id(exchange)


def _usage_limit(status: Status, now: int, exchange: int) -> HttpReply:
    resets_at = now + _RESETS_IN_SECONDS
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
    headers = (*request_id(exchange), *limits, *status.headers)
    return HttpReply(status=status.code, body=to_bytes({"error": error}), headers=headers)


def _numbered(name: str, fields: dict[str, Any], number: int) -> bytes:
    return named_frame(name, {"type": name, "sequence_number": number, **fields})


def _usage(answer: Answer, parsed: ParsedRequest) -> dict[str, Any]:
    usage = usage_of(answer, parsed)
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.thought},
        "total_tokens": usage.total,
    }


def response_id(exchange: int) -> str:
    """The name of the response that an exchange is answered with."""
    return f"resp_{exchange:032d}"


def unfinished(parsed: ParsedRequest, exchange: int, state: str) -> dict[str, Any]:
    """A response that says nothing: "queued", "in_progress", "failed" or "cancelled"."""
    return {
        "id": response_id(exchange),
        "object": "response",
        "access_programs": None,
        "background": parsed.background,
        "created_at": parsed.asked_at,
        "status": state,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": parsed.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
    }


def _state(answer: Answer) -> str:
    return "completed" if stop_of(answer) == "end" else "incomplete"


def response(parsed: ParsedRequest, exchange: int, answer: Answer) -> dict[str, Any]:
    """A response with all that is said in it."""
    reason = _INCOMPLETE.get(stop_of(answer))
    return {
        **unfinished(parsed, exchange, _state(answer)),
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [_item(part, exchange, index) for index, part in enumerate(parts_of(answer))],
        "usage": _usage(answer, parsed),
    }


def _item(part: Part, exchange: int, index: int) -> dict[str, Any]:
    """A finished item of the output."""
    number = f"{part_number(exchange, index):>032}"
    match part:
        case Text():
            head = {"id": f"msg_{number}", "type": "message", "status": "completed", "role": "assistant"}
            return {**head, "content": [_text_part(part.text)]}
        case Thinking():
            summary = [{"type": "summary_text", "text": part.text}]
            shown = {"id": f"rs_{number}", "type": "reasoning", "summary": summary}
            return {**shown, "encrypted_content": signature_of(part.text)}
        case ToolCall():
            call = {"status": "completed", "call_id": f"call_{part_number(exchange, index)}", "name": part.name}
            if part.input is None:
                return {"id": f"fc_{number}", "type": "function_call", **call, "arguments": arguments_of(part)}
            return {"id": f"ctc_{number}", "type": "custom_tool_call", **call, "input": part.input}


def _opening(item: dict[str, Any]) -> dict[str, Any]:
    """The item as it is announced: nothing of it is there yet."""
    empty: dict[str, dict[str, Any]] = {
        "message": {"status": "in_progress", "content": []},
        "reasoning": {"summary": [], "encrypted_content": ""},
        "function_call": {"status": "in_progress", "arguments": ""},
        "custom_tool_call": {"status": "in_progress", "input": ""},
    }
    return {**item, **empty[item["type"]]}


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


_Event = tuple[str, dict[str, Any]]


def _events(answer: Answer, parsed: ParsedRequest, exchange: int) -> Iterator[_Event]:
    opening = unfinished(parsed, exchange, "in_progress")
    if parsed.background:
        queued = unfinished(parsed, exchange, "queued")
        yield "response.created", {"response": queued}
        yield "response.queued", {"response": queued}
    else:
        yield "response.created", {"response": opening}
    yield "response.in_progress", {"response": opening}
    for index, part in enumerate(parts_of(answer)):
        item = _item(part, exchange, index)
        yield "response.output_item.added", {"output_index": index, "item": _opening(item)}
        yield from _part_events(part, {"item_id": item["id"], "output_index": index})
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield f"response.{_state(answer)}", {"response": response(parsed, exchange, answer)}


def _part_events(part: Part, at: dict[str, Any]) -> Iterator[_Event]:
    match part:
        case Text():
            yield from _text_events(part, {**at, "content_index": 0})
        case Thinking():
            yield from _summary_events(part, {**at, "summary_index": 0})
        case ToolCall():
            yield from _call_events(part, at)


def _call_events(call: ToolCall, at: dict[str, Any]) -> Iterator[_Event]:
    if call.input is None:
        name, key, passed = "function_call_arguments", "arguments", arguments_of(call)
    else:
        name, key, passed = "custom_tool_call_input", "input", call.input
    for piece in pieces(passed, 2):
        yield f"response.{name}.delta", {**at, "delta": piece}
    yield f"response.{name}.done", {**at, key: passed}


def _text_events(text: Text, at: dict[str, Any]) -> Iterator[_Event]:
    yield "response.content_part.added", {**at, "part": _text_part("")}
    for piece in pieces(text.text, text.chunks):
        yield "response.output_text.delta", {**at, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**at, "text": text.text, "logprobs": []}
    yield "response.content_part.done", {**at, "part": _text_part(text.text)}


def _summary_events(thinking: Thinking, at: dict[str, Any]) -> Iterator[_Event]:
    yield "response.reasoning_summary_part.added", {**at, "part": {"type": "summary_text", "text": ""}}
    for piece in pieces(thinking.text, thinking.chunks):
        yield "response.reasoning_summary_text.delta", {**at, "delta": piece}
    yield "response.reasoning_summary_text.done", {**at, "text": thinking.text}
    yield "response.reasoning_summary_part.done", {**at, "part": {"type": "summary_text", "text": thinking.text}}
