"""What passes between a turn and a model, whichever wire format carries it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Json = dict[str, object]


class ToolCall(NamedTuple):
    """The model asks for a tool to be run. `id` is the provider's own and goes back with the result.

    `signature` is what the model `signed_by` wants back with its call, unread; empty where models do not sign.
    """

    id: str
    name: str
    arguments: Json
    signature: str = ""
    signed_by: str = ""


class Message(NamedTuple):
    """One step of a conversation.

    A user message has text; an assistant message has text, tool calls, or both; a tool message has the text
    that the tool gave and the id of the call that it answers. `delivers` is the id of the delegated run of
    which a message tells the result: then it stands in the user's place, and no user has written it.
    """

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    delivers: str = ""


class ToolSpec(NamedTuple):
    """A tool as it is offered to the model; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Json


class Reply(NamedTuple):
    """A complete answer. A partial one is never a Reply: it is an error (FLO-8)."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    usage: Json


class Attempt(NamedTuple):
    """One try at one model, as it is reported and recorded (FLO-2). `kind` is "ok" or an error's kind."""

    provider: str
    model: str
    kind: str
    code: str = ""
    status: int | None = None
