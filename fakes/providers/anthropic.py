"""Anthropic Messages, POST /v1/messages: its frames, bodies, errors and required fields.

Field names and frame order are those of the official SDK's types, which the tests use as an oracle.
Credentials and `anthropic-version` are not looked at.
"""

from collections.abc import Iterator
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

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = {429: "This request would exceed your rate limit. Please try again later.", 529: "Overloaded"}


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
        for key in ("model", "max_tokens", "messages"):
            if key not in body:
                raise BadRequest(f"{key}: Field required", key)
        model, limit = body["model"], body["max_tokens"]
        if not isinstance(model, str) or not model:
            raise BadRequest("model: String should have at least 1 character", "model")
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise BadRequest("max_tokens: Input should be a whole number greater than or equal to 1", "max_tokens")
        messages = listed(body["messages"], "messages")
        if not messages:
            raise BadRequest("messages: at least one message is required", "messages")
        stream = body.get("stream", False)
        if not isinstance(stream, bool):
            raise BadRequest("stream: Input should be a valid boolean", "stream")
        turn = turn_of(list(_elements(messages)))
        return ParsedRequest(model=model, stream=stream, turn=turn, prompt_size=len(request.body))

    def frames(self, answer: Answer, parsed: ParsedRequest, exchange: int) -> Wire:
        """The event stream from message_start to message_stop, or the message."""
        if not parsed.stream:
            return Wire(frames=[to_bytes(_message(answer, parsed, exchange))], content_type="application/json")
        stop = _stop_reason(answer)
        opening = _envelope(parsed, exchange, [], None, 1)
        frames = [
            named_frame("message_start", {"type": "message_start", "message": opening}),
            *_block_frames(answer, exchange),
            named_frame(
                "message_delta",
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": stop, "stop_sequence": None},
                    "usage": {"output_tokens": _output_tokens(answer)},
                },
            ),
            named_frame("message_stop", {"type": "message_stop"}),
        ]
        return Wire(frames=frames, content_type=CONTENT_TYPE)

    def failure(self, error: StreamError, parsed: ParsedRequest, exchange: int, position: int) -> bytes:
        """An `event: error` frame."""
        message = error.message or "The fake was told to fail here."
        return named_frame("error", {"type": "error", "error": {"type": error.error, "message": message}})

    def error(self, status: Status, param: str = "", exchange: int = 0) -> HttpReply:
        """{"type":"error","error":{…},"request_id":…}."""
        usual = "api_error" if status.code >= 500 else "invalid_request_error"
        error = {
            "type": status.error or _ERROR_TYPES.get(status.code, usual),
            "message": status.message or _MESSAGES.get(status.code, f"The fake was told to answer {status.code}."),
        }
        request_id = f"req_{exchange:024d}"
        body = to_bytes({"type": "error", "error": error, "request_id": request_id})
        return HttpReply(status=status.code, body=body, headers=(("request-id", request_id), *status.headers))


def _elements(messages: list[Any]) -> Iterator[Element]:
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        role = mapping(message, where).get("role")
        if role not in ("user", "assistant", "system"):
            raise BadRequest(f'{where}.role: Input should be "user" or "assistant"', f"{where}.role")
        if "content" not in message:
            raise BadRequest(f"{where}.content: Field required", f"{where}.content")
        content = message["content"]
        if role == "user":
            yield from _user_elements(number, content)
        elif not isinstance(content, str):
            listed(content, f"{where}.content")


def _user_elements(number: int, content: object) -> Iterator[Element]:
    if isinstance(content, str):
        yield number, content
        return
    where = f"messages.{number}.content"
    for position, block in enumerate(listed(content, where)):
        kind = mapping(block, f"{where}.{position}").get("type")
        if kind == "tool_result":
            if not isinstance(block.get("tool_use_id"), str):
                name = f"{where}.{position}.tool_use_id"
                raise BadRequest(f"{name}: Field required", name)
            yield None
        elif kind == "text" and isinstance(block.get("text"), str):
            yield number, block["text"]
        elif not isinstance(kind, str) or kind == "text":
            name = f"{where}.{position}.{'text' if kind else 'type'}"
            raise BadRequest(f"{name}: Field required", name)


def _stop_reason(answer: Answer) -> str:
    return "end_turn" if isinstance(answer, Text) else "tool_use"


def _output_tokens(answer: Answer) -> int:
    return tokens(len(answer.text) + (0 if isinstance(answer, Text) else len(compact(dict(answer.arguments)))))


def _envelope(
    parsed: ParsedRequest, exchange: int, content: list[dict[str, Any]], stop: str | None, output: int
) -> dict[str, Any]:
    return {
        "id": f"msg_{exchange:024d}",
        "type": "message",
        "role": "assistant",
        "model": parsed.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens(parsed.prompt_size),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output,
        },
    }


def _message(answer: Answer, parsed: ParsedRequest, exchange: int) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if isinstance(answer, Text) or answer.text:
        content.append({"type": "text", "text": answer.text})
    if not isinstance(answer, Text):
        tool = {"type": "tool_use", "id": f"toolu_{exchange:024d}", "name": answer.name}
        content.append({**tool, "input": dict(answer.arguments)})
    return _envelope(parsed, exchange, content, _stop_reason(answer), _output_tokens(answer))


def _block_frames(answer: Answer, exchange: int) -> Iterator[bytes]:
    index = 0
    ping = named_frame("ping", {"type": "ping"})
    if isinstance(answer, Text) or answer.text:
        count = answer.chunks if isinstance(answer, Text) else 1
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(answer.text, count)]
        yield from _one_block(index, {"type": "text", "text": ""}, ping, deltas)
        index, ping = 1, b""
    if not isinstance(answer, Text):
        block = {"type": "tool_use", "id": f"toolu_{exchange:024d}", "name": answer.name, "input": {}}
        deltas = [
            {"type": "input_json_delta", "partial_json": piece}
            for piece in ("", *pieces(compact(dict(answer.arguments)), 2))
        ]
        yield from _one_block(index, block, ping, deltas)


def _one_block(index: int, block: dict[str, Any], ping: bytes, deltas: list[dict[str, str]]) -> Iterator[bytes]:
    start = {"type": "content_block_start", "index": index, "content_block": block}
    yield named_frame("content_block_start", start)
    if ping:
        yield ping
    for delta in deltas:
        data = {"type": "content_block_delta", "index": index, "delta": delta}
        yield named_frame("content_block_delta", data)
    yield named_frame("content_block_stop", {"type": "content_block_stop", "index": index})
