"""OpenAI Chat Completions, POST /v1/chat/completions: its chunks, bodies and errors.

Fields and order are those of the official SDK's types, which the tests use as an oracle. The API shows no
reasoning here, so thinking is only counted. What is refused stands in `fakes.providers.chat_request`.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from fakes.answers import Answer, Text, ToolCall, parts_of, stop_of
from fakes.events import Provider
from fakes.providers.base import (
    ParsedRequest,
    Wire,
    arguments_of,
    json_object,
    lenient_object,
    part_number,
    pieces,
    turn_of,
    usage_of,
)
from fakes.providers.chat_request import read
from fakes.providers.openai_words import error_reply, request_id, streamed_message
from fakes.script import Status, StreamError
from fakes.wire.http import HttpReply, HttpRequest
from fakes.wire.sse import CONTENT_TYPE, data_frame, to_bytes

_DONE = b"data: [DONE]\n\n"
_STOPS = {"length": "length", "refusal": "content_filter"}


class ChatFormat:
    """The wire format of POST /v1/chat/completions. `clock` gives seconds since the epoch."""

    provider: Provider = "chat"

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
        turn = turn_of(read(body))
        options = body.get("stream_options") or {}
        return ParsedRequest(
            model=body["model"],
            stream=body.get("stream") is True,
            turn=turn,
            prompt_size=len(request.body),
            reports_usage=options.get("include_usage") is True,
            asked_at=int(self._clock()),
        )

    def frames(self, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
        """Chunks up to [DONE], or the completion."""
        if not parsed.stream:
            choice = {"index": 0, "message": _message(answer, exchange), "logprobs": None}
            envelope = _envelope("chat.completion", parsed, exchange)
            body = {**envelope, "choices": [{**choice, "finish_reason": _finish(answer)}]}
            return Wire(frames=[to_bytes({**body, "usage": _usage(answer, parsed)})], content_type="application/json")
        return Wire(frames=[*_chunks(answer, parsed, exchange), _DONE], content_type=CONTENT_TYPE)

    def failure(self, error: StreamError, parsed: ParsedRequest, exchange: int, position: int) -> bytes:
        """A data frame with the error object in place of a chunk."""
        details = {"message": streamed_message(error), "type": "server_error", "param": None, "code": error.error}
        return data_frame({"error": details})

    def error(self, status: Status, param: str = "", exchange: int = 0) -> HttpReply:
        """{"error":{"message","type","param","code"}}."""
        return error_reply(status, param, exchange)

    def request_id(self, exchange: int) -> tuple[tuple[str, str], ...]:
        """The header `x-request-id`."""
        return request_id(exchange)


def _envelope(kind: str, parsed: ParsedRequest, exchange: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{exchange:029d}",
        "object": kind,
        "created": parsed.asked_at,
        "model": parsed.model,
        "service_tier": "default",
        "system_fingerprint": "fp_fakes",
    }


def _finish(answer: Answer) -> str:
    called = any(isinstance(part, ToolCall) for part in parts_of(answer))
    return _STOPS.get(stop_of(answer), "tool_calls" if called else "stop")


def _usage(answer: Answer, parsed: ParsedRequest) -> dict[str, Any]:
    usage = usage_of(answer, parsed)
    thought = {"reasoning_tokens": usage.thought, "audio_tokens": 0}
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {**thought, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    }


def _calls(answer: Answer) -> list[ToolCall]:
    return [part for part in parts_of(answer) if isinstance(part, ToolCall)]


def _passed(call: ToolCall) -> str:
    return arguments_of(call) if call.input is None else call.input


def _passing(call: ToolCall, text: str, **named: str) -> dict[str, Any]:
    """What a call passes, or a piece of it: arguments of a function, input of a custom tool."""
    if call.input is None:
        return {"function": {**named, "arguments": text}}
    return {"custom": {**named, "input": text}}


def _call(call: ToolCall, exchange: int, index: int, text: str) -> dict[str, Any]:
    kind = "function" if call.input is None else "custom"
    head = {"id": f"call_{part_number(exchange, index)}", "type": kind}
    return {**head, **_passing(call, text, name=call.name)}


def _message(answer: Answer, exchange: int) -> dict[str, Any]:
    texts = [part.text for part in parts_of(answer) if isinstance(part, Text)]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": None}
    calls = [_call(call, exchange, index, _passed(call)) for index, call in enumerate(_calls(answer))]
    return {**message, "annotations": [], **({"tool_calls": calls} if calls else {})}


def _chunks(answer: Answer, parsed: ParsedRequest, exchange: int) -> Iterator[bytes]:
    envelope = _envelope("chat.completion.chunk", parsed, exchange)
    # A client that asked for usage gets the field in every chunk, null but for the last.
    counted = {"usage": None} if parsed.reports_usage else {}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return data_frame({**envelope, "choices": [choice], **counted})

    said = any(isinstance(part, Text) for part in parts_of(answer))
    yield chunk({"role": "assistant", "content": "" if said else None, "refusal": None})
    for delta in _deltas(answer, exchange):
        yield chunk(delta)
    yield chunk({}, _finish(answer))
    if parsed.reports_usage:
        yield data_frame({**envelope, "choices": [], "usage": _usage(answer, parsed)})


def _deltas(answer: Answer, exchange: int) -> Iterator[dict[str, Any]]:
    for part in parts_of(answer):
        if isinstance(part, Text):
            yield from ({"content": piece} for piece in pieces(part.text, part.chunks))
    for index, call in enumerate(_calls(answer)):
        yield {"tool_calls": [{"index": index, **_call(call, exchange, index, "")}]}
        for piece in pieces(_passed(call), 2):
            yield {"tool_calls": [{"index": index, **_passing(call, piece)}]}
