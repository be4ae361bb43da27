"""Reads what is sent to Chat Completions and refuses what the API would refuse.

One answer is given to a request, so `n` above 1 is refused too. Unknown parameters pass; credentials are not
looked at.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fakes.providers.base import BadRequest, Element
from fakes.providers.openai_words import Field, check_fields, check_kind, empty_array, invalid_value, missing, required

_FIELDS = {
    "stream": Field(kind="boolean"),
    "stream_options": Field(kind="object"),
    "temperature": Field(kind="number", low=0, high=2),
    "top_p": Field(kind="number", low=0, high=1),
    "presence_penalty": Field(kind="number", low=-2, high=2),
    "frequency_penalty": Field(kind="number", low=-2, high=2),
    "n": Field(kind="integer", low=1, high=1),
    "max_tokens": Field(kind="integer", low=1),
    "max_completion_tokens": Field(kind="integer", low=1),
    "seed": Field(kind="integer"),
    "logprobs": Field(kind="boolean"),
    "top_logprobs": Field(kind="integer", low=0, high=20),
    "tools": Field(kind="array"),
    "parallel_tool_calls": Field(kind="boolean"),
    "response_format": Field(kind="object"),
    "metadata": Field(kind="object"),
    "logit_bias": Field(kind="object"),
    "user": Field(kind="string"),
}
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS = {
    "text": ("text", "string"),
    "refusal": ("refusal", "string"),
    "image_url": ("image_url", "object"),
    "input_audio": ("input_audio", "object"),
    "file": ("file", "object"),
}


def read(body: Mapping[str, Any]) -> list[Element]:
    """The user's texts and the tool results of a valid request.

    Raises:
        BadRequest: the API would answer 400.
    """
    if not required(body, "model", "string"):
        raise missing("model")
    messages = required(body, "messages", "array")
    check_fields(body, _FIELDS)
    _check_stream_options(body)
    _check_stop(body.get("stop"))
    _check_tools(body)
    if not messages:
        raise empty_array("messages")
    for number, message in enumerate(messages):
        _check_message(message, f"messages[{number}]")
    _check_pairs(messages)
    return [element for number, message in enumerate(messages) for element in _elements(number, message)]


def _check_stream_options(body: Mapping[str, Any]) -> None:
    options = body.get("stream_options")
    if options is None:
        return
    if not body.get("stream"):
        words = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise BadRequest(words, "stream_options")
    if options.get("include_usage") is not None:
        check_kind(options["include_usage"], "boolean", "stream_options.include_usage")


def _check_stop(stop: object) -> None:
    if stop is None or isinstance(stop, str):
        return
    check_kind(stop, "array", "stop")
    assert isinstance(stop, list)
    for number, text in enumerate(stop):
        check_kind(text, "string", f"stop[{number}]")
    if len(stop) > 4:
        words = "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length"
        raise BadRequest(f"{words} {len(stop)} instead.", "stop", "array_above_max_length")


def _check_tools(body: Mapping[str, Any]) -> None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    if tools == []:
        raise empty_array("tools")
    for number, tool in enumerate(tools or []):
        where = f"tools[{number}]"
        check_kind(tool, "object", where)
        kind = required(tool, "type", "string", where)
        if kind not in ("function", "custom"):
            raise invalid_value(f"{where}.type", kind, ("function", "custom"))
        required(required(tool, kind, "object", where), "name", "string", f"{where}.{kind}")
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not tools:
            raise BadRequest(f"'{name}' is only allowed when 'tools' are specified.", name)
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise invalid_value("tool_choice", choice, ("none", "auto", "required"))
    if choice is not None and not isinstance(choice, str):
        check_kind(choice, "object", "tool_choice")


def _check_message(message: Any, where: str) -> None:
    check_kind(message, "object", where)
    role = required(message, "role", "string", where)
    if role not in _ROLES:
        raise invalid_value(f"{where}.role", role, _ROLES)
    if role == "assistant":
        _check_calls(message, where)
    if role == "tool":
        required(message, "tool_call_id", "string", where)
    content = message.get("content")
    if content is None:
        spoken = role == "assistant" and any(
            message.get(key) for key in ("tool_calls", "function_call", "refusal", "audio")
        )
        if not spoken and role != "function":
            found = "null" if "content" in message else "nothing"
            words = f"Invalid value for 'content': expected a string, got {found}."
            raise BadRequest(words, f"{where}.content", "invalid_type")
    elif not isinstance(content, str):
        _check_parts(content, f"{where}.content")


def _check_parts(content: Any, where: str) -> None:
    check_kind(content, "array", where)
    if not content:
        raise empty_array(where)
    for number, part in enumerate(content):
        place = f"{where}[{number}]"
        check_kind(part, "object", place)
        kind = required(part, "type", "string", place)
        if kind not in _PARTS:
            raise invalid_value(f"{place}.type", kind, _PARTS)
        name, wanted = _PARTS[kind]
        required(part, name, wanted, place)


def _check_calls(message: Mapping[str, Any], where: str) -> None:
    calls = message.get("tool_calls")
    if calls is None:
        return
    check_kind(calls, "array", f"{where}.tool_calls")
    if not calls:
        raise empty_array(f"{where}.tool_calls")
    for number, call in enumerate(calls):
        place = f"{where}.tool_calls[{number}]"
        check_kind(call, "object", place)
        required(call, "id", "string", place)
        kind = required(call, "type", "string", place)
        if kind not in ("function", "custom"):
            raise invalid_value(f"{place}.type", kind, ("function", "custom"))
        inner = required(call, kind, "object", place)
        for name in ("name", "arguments" if kind == "function" else "input"):
            required(inner, name, "string", f"{place}.{kind}")


def _check_pairs(messages: list[dict[str, Any]]) -> None:
    """Every call is answered by the tool messages right after it, and nothing else is."""
    left: list[str] = []
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in left:
                words = "Invalid parameter: messages with role 'tool' must be a response to a preceding message with"
                raise BadRequest(f"{words} 'tool_calls'.", f"messages[{number}].role")
            left.remove(message["tool_call_id"])
            continue
        _refuse_open(left, number)
        left = [call["id"] for call in message.get("tool_calls") or []] if message["role"] == "assistant" else []
    _refuse_open(left, len(messages))


def _refuse_open(left: list[str], number: int) -> None:
    if left:
        words = "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
        words += f" 'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(left)}"
        raise BadRequest(words, f"messages[{number}].role")


def _elements(number: int, message: Mapping[str, Any]) -> Iterator[Element]:
    role, content = message["role"], message.get("content")
    if role in ("tool", "function"):
        yield None
    elif role == "user" and isinstance(content, str):
        yield number, content
    elif role == "user" and isinstance(content, list):
        yield from ((number, part["text"]) for part in content if part["type"] == "text")
