"""Gemini, streamed: POST /models/MODEL:streamGenerateContent?alt=sse.

There is no closing frame: the answer is complete with the chunk that carries a `finishReason`. Function calls
need not have ids, so those without one are numbered over the whole conversation.

Gemini 3 and later sign the first call of each answer, and refuse to go on from one that comes back unsigned:
https://ai.google.dev/gemini-api/docs/thought-signatures. A signature means something to the model alone that has given
it; for a call of another model, as after a failover, there is a word that says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from reference.errors import Fatal, Retryable
from reference.messages import Json, Message, Reply, ToolCall, ToolSpec
from reference.providers.fields import items, number, obj, parse_object, text
from reference.providers.refusals import ProviderError, quoted, refused, streamed
from reference.providers.sse import Event, events
from reference.providers.transport import Request, post

if TYPE_CHECKING:
    from reference.deadline import Deadline

UNSIGNED = "skip_thought_signature_validator"
SIGNS = re.compile(r"gemini-(?:[3-9]|\d\d)")
_DONE = {"STOP", "MAX_TOKENS"}
_REFUSALS = {
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
}


class GeminiStream:
    """A `Client`; `base_url` ends with the API version; `is_oauth` says what kind of token it is given."""

    def __init__(self, *, provider: str, base_url: str, idle: float, is_oauth: bool = False) -> None:
        self.provider = provider
        self.base_url = base_url
        self.idle = idle
        self.is_oauth = is_oauth

    def complete(
        self,
        model: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        token: str,
        deadline: Deadline,
    ) -> Reply:
        """See `Client.complete`."""
        request = Request(
            provider=self.provider,
            url=f"{self.base_url}/models/{quote(model, safe='')}:streamGenerateContent?alt=sse",
            headers={
                "content-type": "application/json",
                **({"authorization": f"Bearer {token}"} if self.is_oauth else {"x-goog-api-key": token}),
            },
            body=json.dumps(_body(model, messages, tools)).encode(),
            idle=self.idle,
        )
        calls_before = sum(len(message.tool_calls) for message in messages)
        with post(request, deadline) as answer:
            if answer.status != 200:
                raise refused(self.provider, answer, token, _said)
            return self._read(events(answer.chunks()), model, calls_before, token)

    def _read(self, stream: Iterable[Event], model: str, calls_before: int, secret: str) -> Reply:
        parts: list[Json] = []
        for event in stream:
            chunk = parse_object(event.data, what="a chunk")
            if "error" in chunk:
                raise streamed(self.provider, _error(chunk), secret)
            candidate = (items(chunk.get("candidates")) or [{}])[0]
            parts += items(obj(candidate.get("content")).get("parts"))
            block = text(obj(chunk.get("promptFeedback")).get("blockReason"))
            reason = text(candidate.get("finishReason"))
            if block or reason in _REFUSALS:
                words = f"{self.provider} declined to answer ({quoted(block or reason, secret)})"
                raise Fatal("content-refused", words, hint="change the message")
            if reason in _DONE:
                return _reply(parts, obj(chunk.get("usageMetadata")), model, calls_before)
            if reason:
                raise Retryable("malformed-answer", f"{self.provider} ended its answer with {quoted(reason, secret)}")
        raise Retryable("truncated", f"{self.provider} ended its answer before it was complete")


def _reply(parts: Sequence[Json], usage: Json, model: str, calls_before: int) -> Reply:
    calls = [part for part in parts if "functionCall" in part]
    return Reply(
        text="".join(text(part.get("text")) for part in parts if part.get("thought") is not True),
        tool_calls=tuple(_tool_call(part, model, f"call-{calls_before + index}") for index, part in enumerate(calls)),
        usage=usage,
    )


def _tool_call(part: Json, model: str, number: str) -> ToolCall:
    call, signature = obj(part["functionCall"]), text(part.get("thoughtSignature"))
    return ToolCall(
        id=text(call.get("id")) or number,
        name=text(call.get("name")),
        arguments=obj(call.get("args")),
        signature=signature,
        signed_by=model if signature else "",
    )


def _said(body: bytes) -> ProviderError:
    """An error's body; some endpoints wrap it in an array."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ProviderError()
    return _error((items(value) or [{}])[0] if isinstance(value, list) else obj(value))


def _error(data: Json) -> ProviderError:
    error = obj(data.get("error"))
    code = number(error.get("code"))
    delays = [_seconds(text(detail.get("retryDelay"))) for detail in items(error.get("details"))]
    return ProviderError(
        code=text(error.get("status")),
        message=text(error.get("message")),
        status=int(code) if code is not None and 100 <= code < 600 else None,
        retry_after=max((delay for delay in delays if delay is not None), default=None),
    )


def _seconds(duration: str) -> float | None:
    """A protobuf Duration in JSON, such as "26s" or "0.5s" (google.rpc.RetryInfo)."""
    return number(duration[:-1]) if duration.endswith("s") else None


def _body(model: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Json:
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    body: Json = {"contents": _contents(model, messages, names)}
    if tools:
        declarations = [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools
        ]
        body["tools"] = [{"functionDeclarations": declarations}]
    return body


def _contents(model: str, messages: Sequence[Message], names: dict[str, str]) -> list[Json]:
    contents: list[Json] = []
    for message in messages:
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(model, message, names)
        if contents and contents[-1]["role"] == role:
            cast("list[Json]", contents[-1]["parts"]).extend(parts)
        elif parts:
            contents.append({"role": role, "parts": parts})
    return contents


def _parts(model: str, message: Message, names: dict[str, str]) -> list[Json]:
    if message.role == "tool":
        name = names.get(message.tool_call_id, "unknown")
        return [{"functionResponse": {"name": name, "response": {"output": message.text}}}]
    parts: list[Json] = [{"text": message.text}] if message.text else []
    return parts + [call_part(model, call, is_first=not index) for index, call in enumerate(message.tool_calls)]


def call_part(model: str, call: ToolCall, *, is_first: bool) -> Json:
    """How `model` is told of a call; `is_first` of those that one answer has made."""
    part: Json = {"functionCall": {"name": call.name, "args": call.arguments}}
    if call.signature and call.signed_by == model:
        part["thoughtSignature"] = call.signature
    elif is_first and SIGNS.match(model):
        part["thoughtSignature"] = UNSIGNED
    return part
