"""Anthropic Messages, streamed: POST /v1/messages.

The answer is complete at `message_stop` and not before. A model's refusal is Fatal: another provider must not
be asked to answer what this one declined. `ping` events prove a live connection and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from reference.errors import Fatal, Retryable
from reference.messages import Json, Message, Reply, ToolCall, ToolSpec
from reference.providers.fields import number, obj, parse_object, text
from reference.providers.refusals import ProviderError, refused, streamed
from reference.providers.sse import Event, events
from reference.providers.transport import Request, post

if TYPE_CHECKING:
    from reference.deadline import Deadline

VERSION = "2023-06-01"
MAX_TOKENS = 8192


class AnthropicMessages:
    """A `Client`; `base_url` is the root, without /v1; `is_oauth` says what kind of token it is given."""

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
            url=f"{self.base_url}/v1/messages",
            headers={
                "content-type": "application/json",
                "accept": "text/event-stream",
                "anthropic-version": VERSION,
                **({"authorization": f"Bearer {token}"} if self.is_oauth else {"x-api-key": token}),
            },
            body=json.dumps(_body(model, messages, tools)).encode(),
            idle=self.idle,
        )
        with post(request, deadline) as answer:
            if answer.status != 200:
                raise refused(self.provider, answer, token, _said)
            return self.read(events(answer.chunks()), token)

    def read(self, stream: Iterable[Event], token: str) -> Reply:
        """The answer in a stream, as soon as it is complete: the connection may stay open. Raises Retryable, Fatal."""
        assembly = Assembly(self.provider, token)
        return assembly.reply() if assembly.read(stream) else self.cut_off(assembly)

    def cut_off(self, assembly: Assembly) -> Reply:
        """What an answer is worth that ended before `message_stop`: nothing (FLO-8). Raises Retryable."""
        raise Retryable("truncated", f"{self.provider} ended its answer before it was complete")


class _Block(NamedTuple):
    kind: str
    id: str
    name: str
    parts: list[str]  # grows


class Assembly:
    """The blocks of one message as they come in."""

    def __init__(self, provider: str, secret: str) -> None:
        self.provider = provider
        self.secret = secret
        self.blocks: dict[float | None, _Block] = {}
        self.usage: Json = {}
        self.stop_reason = ""

    def read(self, stream: Iterable[Event]) -> bool:
        """Take the events in; whether the last of them was there. Raises what the provider says went wrong."""
        for event in stream:
            if event.name == "message_stop":
                return True
            self._take(event.name, parse_object(event.data, what="an event"))
        return False

    def _take(self, name: str, data: Json) -> None:
        match name:
            case "message_start":
                self.usage.update(obj(obj(data.get("message")).get("usage")))
            case "content_block_start":
                block = obj(data.get("content_block"))
                self.blocks[number(data.get("index"))] = _Block(
                    kind=text(block.get("type")),
                    id=text(block.get("id")),
                    name=text(block.get("name")),
                    parts=[text(block.get("text"))],
                )
            case "content_block_delta":
                self._add(data)
            case "message_delta":
                self.usage.update(obj(data.get("usage")))
                self.stop_reason = text(obj(data.get("delta")).get("stop_reason"))
            case "error":
                raise streamed(self.provider, _error(data), self.secret)

    def _add(self, data: Json) -> None:
        block = self.blocks.get(number(data.get("index")))
        delta = obj(data.get("delta"))
        kinds = {"text": ("text_delta", "text"), "tool_use": ("input_json_delta", "partial_json")}
        if block is not None and block.kind in kinds and delta.get("type") == kinds[block.kind][0]:
            block.parts.append(text(delta.get(kinds[block.kind][1])))

    def reply(self) -> Reply:
        """What the blocks say. Raises Fatal for a refusal."""
        if self.stop_reason == "refusal":
            raise Fatal("content-refused", f"{self.provider} declined to answer", hint="change the message")
        blocks = self.blocks.values()
        return Reply(
            text="".join("".join(block.parts) for block in blocks if block.kind == "text"),
            tool_calls=tuple(_tool_call(block) for block in blocks if block.kind == "tool_use"),
            usage=self.usage,
        )


def _tool_call(block: _Block) -> ToolCall:
    arguments = parse_object("".join(block.parts) or "{}", what="tool arguments")
    return ToolCall(id=block.id, name=block.name, arguments=arguments)


def _said(body: bytes) -> ProviderError:
    try:
        return _error(parse_object(body, what="an error"))
    except Retryable:
        return ProviderError()


def _error(data: Json) -> ProviderError:
    error = obj(data.get("error"))
    return ProviderError(code=text(error.get("type")), message=text(error.get("message")))


def _body(model: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Json:
    body: Json = {"model": model, "max_tokens": MAX_TOKENS, "stream": True, "messages": _turns(messages)}
    if tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in tools
        ]
    return body


def _turns(messages: Sequence[Message]) -> list[Json]:
    """Roles must alternate, and all results of one assistant message stand in one user message after it."""
    turns: list[tuple[str, list[Json]]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if not turns or turns[-1][0] != role:
            turns.append((role, []))
        turns[-1][1].extend(_content(message))
    return [{"role": role, "content": content} for role, content in turns if content]


def _content(message: Message) -> list[Json]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.text}]
    # A blank text is refused, also where the model itself has said it.
    content: list[Json] = [{"type": "text", "text": message.text}] if message.text.strip() else []
    for call in message.tool_calls:
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments})
    return content
