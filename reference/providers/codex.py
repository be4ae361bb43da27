"""The Responses API of the ChatGPT backend, which Codex sign-in uses: POST /codex/responses.

The answer is complete at `response.completed`. Items are taken whole from `response.output_item.done`; the
deltas before them are for showing progress, which nobody watches here. Refused: WebSocket, and compressed
bodies.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from reference.errors import Fatal, Retryable
from reference.messages import Json, Message, Reply, ToolCall, ToolSpec
from reference.providers.fields import items, number, obj, parse_object, text
from reference.providers.refusals import ProviderError, refused, streamed
from reference.providers.sse import Event, events
from reference.providers.transport import Request, post

if TYPE_CHECKING:
    from reference.deadline import Deadline

INSTRUCTIONS = "You are a coding agent. Answer the user, with the tools you are given."
ACCOUNT_CLAIM = "https://api.openai.com/auth"

# The wait of a streamed `rate_limit_exceeded` stands nowhere but in its message. Only the number is taken
# from there; what the error is has been decided by its code.
_WAIT = re.compile(r"try again in\s*(\d+(?:\.\d+)?)\s*(ms|s)", re.IGNORECASE)


class CodexResponses:
    """A `Client`; `base_url` ends with /backend-api; the token is a JWT that names the account."""

    def __init__(self, *, provider: str, base_url: str, idle: float) -> None:
        self.provider = provider
        self.base_url = base_url
        self.idle = idle

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
            url=f"{self.base_url}/codex/responses",
            headers=_headers(token),
            body=json.dumps(_body(model, messages, tools)).encode(),
            idle=self.idle,
        )
        with post(request, deadline) as answer:
            if answer.status != 200:
                raise refused(self.provider, answer, token, _said)
            return self._read(events(answer.chunks()), token)

    def _read(self, stream: Iterable[Event], secret: str) -> Reply:
        output: list[Json] = []
        for event in stream:
            data = parse_object(event.data, what="an event")
            response = obj(data.get("response"))
            match data.get("type"):
                case "response.output_item.done":
                    output.append(obj(data.get("item")))
                case "response.completed":
                    return _reply(output or items(response.get("output")), obj(response.get("usage")))
                case "response.incomplete":
                    return self._incomplete(output, response)
                case "response.failed":
                    raise streamed(self.provider, _error(obj(response.get("error"))), secret)
                case "error":
                    raise streamed(self.provider, _error(obj(data.get("error")) or data), secret)
        raise Retryable("truncated", f"{self.provider} ended its answer before it was complete")

    def _incomplete(self, output: Sequence[Json], response: Json) -> Reply:
        """An answer at its length limit is whole as far as it goes; any other reason is a failure."""
        match obj(response.get("incomplete_details")).get("reason"):
            case "max_output_tokens":
                return _reply(output or items(response.get("output")), obj(response.get("usage")))
            case "content_filter":
                raise Fatal("content-refused", f"{self.provider} declined to answer", hint="change the message")
            case _:
                raise Retryable("truncated", f"{self.provider} gave its answer up before it was complete")


def account_id(token: str) -> str:
    """The account that a JWT names, or the empty string; nothing is verified, that is the server's task."""
    payload = (*token.split("."), "", "")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return ""
    return text(obj(obj(claims).get(ACCOUNT_CLAIM)).get("chatgpt_account_id"))


def _headers(token: str) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "authorization": f"Bearer {token}",
        "openai-beta": "responses=experimental",
        "originator": "reference",
    }
    account = account_id(token)
    return {**headers, "chatgpt-account-id": account} if account else headers


def _reply(output: Sequence[Json], usage: Json) -> Reply:
    words = [
        text(part.get("text"))
        for item in output
        if item.get("type") == "message"
        for part in items(item.get("content"))
        if part.get("type") == "output_text"
    ]
    calls = [item for item in output if item.get("type") == "function_call"]
    return Reply(text="".join(words), tool_calls=tuple(_tool_call(item) for item in calls), usage=usage)


def _tool_call(item: Json) -> ToolCall:
    arguments = parse_object(text(item.get("arguments")) or "{}", what="tool arguments")
    return ToolCall(id=text(item.get("call_id")), name=text(item.get("name")), arguments=arguments)


def _said(body: bytes) -> ProviderError:
    try:
        data = parse_object(body, what="an error")
    except Retryable:
        return ProviderError()
    return _error(obj(data.get("error")))


def _error(error: Json) -> ProviderError:
    message = text(error.get("message"))
    wait = number(error.get("resets_in_seconds"))
    found = _WAIT.search(message)
    if wait is None and found:
        wait = float(found[1]) / (1000 if found[2].lower() == "ms" else 1)
    code = text(error.get("code")) or text(error.get("type"))
    return ProviderError(code=code, message=message, retry_after=wait)


def _body(model: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Json:
    body: Json = {
        "model": model,
        "instructions": INSTRUCTIONS,
        "input": [item for message in messages for item in _items(message)],
        "store": False,
        "stream": True,
    }
    if tools:
        body["tools"] = [
            {"type": "function", "name": t.name, "description": t.description, "parameters": t.parameters}
            for t in tools
        ]
    return body


def _items(message: Message) -> list[Json]:
    if message.role == "tool":
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": message.text}]
    kind = "output_text" if message.role == "assistant" else "input_text"
    content = [{"type": kind, "text": message.text}]
    found: list[Json] = [{"type": "message", "role": message.role, "content": content}] if message.text else []
    for call in message.tool_calls:
        arguments = json.dumps(call.arguments)
        found.append({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments})
    return found
