"""Reads what is sent to OpenAI Responses and refuses what the API, or the ChatGPT backend, would refuse.

The backend only streams and never stores, and words its own refusals differently. Items of a type that is not
known here pass: clients and the API add some with every release. Credentials are not looked at.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fakes.providers.base import BadRequest, Element
from fakes.providers.openai_words import Field, check_fields, check_kind, empty_array, invalid_value, missing, required

_FIELDS = {
    "model": Field(kind="string"),
    "stream": Field(kind="boolean"),
    "store": Field(kind="boolean"),
    "background": Field(kind="boolean"),
    "instructions": Field(kind="string"),
    "previous_response_id": Field(kind="string"),
    "temperature": Field(kind="number", low=0, high=2),
    "top_p": Field(kind="number", low=0, high=1),
    "max_output_tokens": Field(kind="integer", low=16),
    "max_tool_calls": Field(kind="integer", low=1),
    "parallel_tool_calls": Field(kind="boolean"),
    "tools": Field(kind="array"),
    "include": Field(kind="array"),
    "reasoning": Field(kind="object"),
    "text": Field(kind="object"),
    "metadata": Field(kind="object"),
    "prompt": Field(kind="object"),
}
_ROLES = ("assistant", "system", "developer", "user")
_PARTS = {
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
    "summary_text": "text",
    "reasoning_text": "text",
    "text": "text",
    "input_image": "",
    "input_file": "",
    "input_audio": "",
    "computer_screenshot": "",
}
_OUTPUT = "_call_output"
_REQUIRED = {
    "function_call": ("call_id", "name", "arguments"),
    "custom_tool_call": ("call_id", "name", "input"),
    "custom_tool_call_output": ("call_id",),
}
_MAY_BE_SILENT = ("apply_patch_call_output",)
_PAIRED = ("function_call", "custom_tool_call")


def read(body: Mapping[str, Any]) -> list[Element]:
    """The user's texts and the tool results of a valid request.

    Raises:
        BadRequest: the API would answer 400.
    """
    check_fields(body, _FIELDS)
    if body.get("background") and body.get("store") is False:
        raise BadRequest("Background mode requires store=true.", "background")
    templated = bool(body.get("prompt"))
    if not templated and not required(body, "model", "string"):
        raise missing("model")
    _check_tools(body.get("tools") or [], body.get("tool_choice"))
    given, stored = body.get("input"), body.get("previous_response_id") or body.get("conversation")
    if given is None and (templated or stored):  # a template, or what was said before, can be all of a request
        return []
    if given is None or given == "":
        raise missing("input")
    if isinstance(given, str):
        return [(0, given)]
    check_kind(given, "array", "input")
    if not given:
        raise empty_array("input")
    for number, item in enumerate(given):
        _check_item(item, f"input[{number}]")
    if not (stored or any(_kind(item) == "item_reference" for item in given)):
        _check_pairs(given)
    return [element for number, item in enumerate(given) for element in _elements(number, item)]


def check_backend(body: Mapping[str, Any]) -> None:
    """Refuse what the ChatGPT backend refuses on top: it only streams, and stores nothing.

    Raises:
        BadRequest: with the backend's own body.
    """
    for name, wanted in (("stream", True), ("store", False)):
        if body.get(name) is not wanted:
            words = f"{name.capitalize()} must be set to {str(wanted).lower()}"
            raise BadRequest(words, name, body={"detail": words})


def _check_tools(tools: list[Any], choice: object) -> None:
    for number, tool in enumerate(tools):
        where = f"tools[{number}]"
        check_kind(tool, "object", where)
        if required(tool, "type", "string", where) == "function":
            required(tool, "name", "string", where)
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise invalid_value("tool_choice", choice, ("none", "auto", "required"))
    if choice is not None and not isinstance(choice, str):
        check_kind(choice, "object", "tool_choice")


def _kind(item: Mapping[str, Any]) -> str:
    """The item's type; without one it is a message, or a reference when an identifier is all that it has."""
    if item.get("type") is None and isinstance(item.get("id"), str) and not item.keys() - {"id", "type"}:
        return "item_reference"
    kind = item.get("type", "message")
    return kind if isinstance(kind, str) else ""


def _check_item(item: Any, where: str) -> None:
    check_kind(item, "object", where)
    if _kind(item) != "item_reference":
        check_kind(item.get("type", "message"), "string", f"{where}.type")
    if _kind(item) == "message":
        _check_message(item, where)
    for name in _REQUIRED.get(_kind(item), ()):
        required(item, name, "string", where)
    if _kind(item) == "function_call_output" and item.get("name") is None:  # which may stand for the call
        required(item, "call_id", "string", where)
    if _kind(item).endswith(_OUTPUT) and "output" not in item and _kind(item) not in _MAY_BE_SILENT:
        raise missing(f"{where}.output")


def _check_message(item: Mapping[str, Any], where: str) -> None:
    role = required(item, "role", "string", where)
    if role not in _ROLES:
        raise invalid_value(f"{where}.role", role, _ROLES)
    content = item.get("content")
    if content is None:
        raise missing(f"{where}.content")
    if isinstance(content, str):
        return
    check_kind(content, "array", f"{where}.content")
    for number, part in enumerate(content):
        place = f"{where}.content[{number}]"
        check_kind(part, "object", place)
        kind = required(part, "type", "string", place)
        if kind not in _PARTS:
            raise invalid_value(f"{place}.type", kind, _PARTS)
        if _PARTS[kind]:
            required(part, _PARTS[kind], "string", place)


def _check_pairs(items: list[dict[str, Any]]) -> None:
    """Every output belongs to a call before it, and every call of a function has an output, if it was waited for."""
    called: list[str] = []
    answered: list[str] = []
    for item in items:
        kind, name = _kind(item), item.get("call_id")
        if kind.endswith(_OUTPUT) and isinstance(name, str):
            if name not in called:
                raise BadRequest(f"No tool call found for function call output with call_id {name}.", "input")
            answered.append(name)
        elif kind.endswith("_call") and isinstance(name, str):
            called.append(name)
    for item in items:
        if _kind(item) in _PAIRED and item.get("async") is not True and item["call_id"] not in answered:
            raise BadRequest(f"No tool output found for function call {item['call_id']}.", "input")


def _elements(number: int, item: Mapping[str, Any]) -> Iterator[Element]:
    if _kind(item).endswith(_OUTPUT):
        yield None
    elif _kind(item) == "message" and item["role"] == "user":
        content = item["content"]
        parts = [{"text": content}] if isinstance(content, str) else content
        yield from ((number, part["text"]) for part in parts if isinstance(part.get("text"), str))
