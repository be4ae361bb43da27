"""Reads what is sent to Anthropic Messages and refuses what the API would refuse, in the words of its validator.

Those are the field's path, a colon and the complaint. Unknown fields of a request pass, since beta features add
some; credentials and `anthropic-version` are not looked at.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fakes.answers import is_whole
from fakes.providers.anthropic_tools import check_pairs
from fakes.providers.base import BadRequest, Element, is_number

_WORDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "boolean": (bool, "Input should be a valid boolean"),
    "string": (str, "Input should be a valid string"),
    "array": (list, "Input should be a valid array"),
    "object": (dict, "Input should be an object"),
}
_FIELDS = {
    "model": "string",
    "max_tokens": "integer",
    "messages": "array",
    "stream": "boolean",
    "temperature": "number",
    "top_p": "number",
    "top_k": "integer",
    "stop_sequences": "array",
    "metadata": "object",
    "tools": "array",
    "tool_choice": "object",
    "thinking": "object",
    "thread": "object",
}
_LIMITS: dict[str, tuple[float, float | None]] = {
    "max_tokens": (0, None),
    "temperature": (0, 1),
    "top_p": (0, 1),
    "top_k": (0, None),
}
_BLOCKS = frozenset({
    "advisor_tool_result", "bash_code_execution_tool_result", "code_execution_tool_result", "compaction",
    "container_upload", "document", "fallback", "image", "mcp_tool_listing", "mcp_tool_result", "mcp_tool_use",
    "redacted_thinking", "search_result", "server_tool_use", "text", "text_editor_code_execution_tool_result",
    "thinking", "tool_addition", "tool_reference", "tool_removal", "tool_result", "tool_search_tool_result",
    "tool_use", "web_fetch_tool_result", "web_search_tool_result",
})  # fmt: skip
_REQUIRED_OF_BLOCKS = {
    "text": {"text": "string"},
    "thinking": {"thinking": "string", "signature": "string"},
    "redacted_thinking": {"data": "string"},
    "tool_use": {"id": "string", "name": "string", "input": "object"},
    "tool_result": {"tool_use_id": "string"},
    "image": {"source": "object"},
    "document": {"source": "object"},
}
_THINKING = ("enabled", "disabled", "adaptive", "between_tools")
_TOOL_CHOICES = ("auto", "any", "tool", "none")


def read(body: Mapping[str, Any], *, required: tuple[str, ...] = ("model", "max_tokens", "messages")) -> list[Element]:
    """The user's texts and the tool results of a valid request.

    Raises:
        BadRequest: the API would answer 400.
    """
    for name in required:
        if name not in body:
            raise _refusal(name, "Field required")
    for name, kind in _FIELDS.items():
        if body.get(name) is not None or name in required:
            check_type(body[name], kind, name)
            _check_limits(body[name], name)
    if body["model"] == "":
        raise _refusal("model", "String should have at least 1 character")
    _check_system(body.get("system"))
    _check_tools(body.get("tools") or [], body.get("tool_choice"))
    _check_thinking(body.get("thinking"), body.get("max_tokens"))
    _check_thread(body.get("thread"))
    if body.get("max_tokens") == 0:
        _check_warm_up(body)
    return _read_messages(body["messages"])


def check_type(value: object, kind: str, where: str) -> None:
    """Refuse a value of another JSON type.

    Raises:
        BadRequest: it has one.
    """
    if kind == "integer":
        good, words = is_whole(value), "Input should be a valid integer"
    elif kind == "number":
        good, words = is_number(value), "Input should be a valid number"
    else:
        wanted, words = _WORDS[kind]
        good = isinstance(value, wanted)
    if not good:
        raise _refusal(where, words)


def _refusal(where: str, words: str) -> BadRequest:
    return BadRequest(f"{where}: {words}", where)


def _check_limits(value: Any, name: str) -> None:
    low, high = _LIMITS.get(name, (None, None))
    if low is not None and value < low:
        raise _refusal(name, f"Input should be greater than or equal to {low}")
    if high is not None and value > high:
        raise _refusal(name, f"Input should be less than or equal to {high}")


def _check_system(system: object) -> None:
    if system is None or isinstance(system, str):
        return
    check_type(system, "array", "system")
    assert isinstance(system, list)
    for number, block in enumerate(system):
        where = f"system.{number}"
        _check_block(block, where)
        if block["type"] != "text":
            raise _refusal(f"{where}.type", "Input should be 'text'")


def _check_tools(tools: list[Any], choice: Mapping[str, Any] | None) -> None:
    names = []
    for number, tool in enumerate(tools):
        where = f"tools.{number}"
        check_type(tool, "object", where)
        custom = tool.get("type") in (None, "custom")
        _check_fields(tool, {"name": "string", "input_schema": "object"} if custom else {}, where)
        if "name" in tool:
            check_type(tool["name"], "string", f"{where}.name")
            names.append(tool["name"])
    if len(set(names)) < len(names):
        raise _refusal("tools", "Tool names must be unique.")
    if choice is not None:
        if choice.get("type") not in _TOOL_CHOICES:
            raise _refusal("tool_choice.type", f"Input should be one of {', '.join(map(repr, _TOOL_CHOICES))}")
        if choice["type"] == "tool":
            _check_fields(choice, {"name": "string"}, "tool_choice")
            if choice["name"] not in names and len(names) == len(tools):  # a toolset has no name, and names no members
                raise _refusal("tool_choice.name", f"Tool '{choice['name']}' not found in provided tools")
        if choice["type"] in ("any", "tool") and not tools:
            raise _refusal("tool_choice", "tool_choice may only be specified while providing tools.")


def _check_thinking(thinking: Mapping[str, Any] | None, limit: object) -> None:
    if thinking is None:
        return
    if thinking.get("type") not in _THINKING:
        raise _refusal("thinking.type", f"Input should be one of {', '.join(map(repr, _THINKING))}")
    if thinking["type"] == "enabled":
        where = "thinking.enabled.budget_tokens"
        if "budget_tokens" not in thinking:
            raise _refusal(where, "Field required")
        budget = thinking["budget_tokens"]
        check_type(budget, "integer", where)
        if budget < 1024:
            raise _refusal(where, "Input should be greater than or equal to 1024")
        if isinstance(limit, int) and budget >= limit:
            raise BadRequest("`max_tokens` must be greater than `thinking.budget_tokens`.", "max_tokens")


def _check_warm_up(body: Mapping[str, Any]) -> None:
    """A request for no answer, which only fills the cache, may not say how that answer is to be.

    Source: "Pre-warming the cache" in Anthropic's skill for its API (anthropics/skills, prompt-caching.md), which
    lists these combinations, without the words of their refusal.
    """
    asked = {
        "stream": body.get("stream") is True,
        "thinking": (body.get("thinking") or {}).get("type") == "enabled",
        "output_config.format": bool((body.get("output_config") or {}).get("format")),
        "tool_choice": (body.get("tool_choice") or {}).get("type") in ("any", "tool"),
    }
    for name, given in asked.items():
        if given:
            raise BadRequest(f"`max_tokens` of 0 cannot be combined with `{name}`.", "max_tokens")


def _check_thread(thread: Mapping[str, Any] | None) -> None:
    """No conversation is held here, so that scripts see all of each: to go on with one gets what a lost one gets."""
    if thread is None:
        return
    if thread.get("type") not in ("create", "continue"):
        raise _refusal("thread.type", "Input should be 'create' or 'continue'")
    if thread["type"] == "continue":
        _check_fields(thread, {"previous_message_id": "string"}, "thread")
        words = "No usable Thread state was found for `previous_message_id`. Replay the full conversation with"
        words += ' `thread: {"type": "create"}`.'
        raise BadRequest(words, "thread.previous_message_id", "thread_not_found", status=404)


def _read_messages(messages: list[Any]) -> list[Element]:
    if not messages:
        raise _refusal("messages", "at least one message is required")
    last = len(messages) - 1
    for number, message in enumerate(messages):
        _check_message(message, f"messages.{number}", final=number == last)
    check_pairs(messages)
    return [element for number, message in enumerate(messages) for element in _elements(number, message)]


def _check_message(message: Any, where: str, *, final: bool) -> None:
    check_type(message, "object", where)
    role = message.get("role")
    if role not in ("user", "assistant", "system"):
        words = "Field required" if "role" not in message else 'Input should be "user" or "assistant"'
        raise _refusal(f"{where}.role", words)
    if "content" not in message:
        if role == "system" and message.get("output_config"):  # it may change how the answer is given, and say nothing
            return
        raise _refusal(f"{where}.content", "Field required")
    content = message["content"]
    if content in ("", []) and not (final and role == "assistant"):
        words = "all messages must have non-empty content except for the optional final assistant message"
        raise BadRequest(f"{where}: {words}", f"{where}.content")
    if not isinstance(content, str):
        check_type(content, "array", f"{where}.content")
        for number, block in enumerate(content):
            _check_block(block, f"{where}.content.{number}")


def _check_block(block: Any, where: str) -> None:
    check_type(block, "object", where)
    kind = block.get("type")
    if not isinstance(kind, str):
        raise _refusal(f"{where}.type", "Field required" if kind is None else "Input should be a valid string")
    if kind not in _BLOCKS:
        words = f"Input tag '{kind}' found using 'type' does not match any of the expected tags"
        raise _refusal(where, words)
    _check_fields(block, _REQUIRED_OF_BLOCKS.get(kind, {}), where)
    if kind == "text" and block["text"] == "":
        raise BadRequest("messages: text content blocks must be non-empty", f"{where}.text")


def _check_fields(data: Mapping[str, Any], wanted: Mapping[str, str], where: str) -> None:
    for name, kind in wanted.items():
        if name not in data:
            raise _refusal(f"{where}.{name}", "Field required")
        check_type(data[name], kind, f"{where}.{name}")


def _elements(number: int, message: Mapping[str, Any]) -> Iterator[Element]:
    if message["role"] != "user":
        return
    content = message["content"]
    if isinstance(content, str):
        yield number, content
        return
    for block in content:
        if block["type"] == "tool_result":
            yield None
        elif block["type"] == "text":
            yield number, block["text"]
