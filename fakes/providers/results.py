"""What a request tells a model of its tools, in whichever provider's words: how many, which calls, what of each."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fakes.events import digest
from fakes.providers.base import json_object, markers_of
from fakes.wire.http import HttpRequest, decoded_body

_CALLS = ("tool_use", "function_call", "custom_tool_call")  # types of Anthropic's blocks and Responses' items
_RESULTS = ("tool_result", "function_call_output", "custom_tool_call_output")
_GEMINIS = {"functionCall": "call", "function_call": "call"} | dict.fromkeys(
    ("functionResponse", "function_response"), "result"
)  # by the one key that a part of Gemini's has for what it is
_GROUPS = ("functionDeclarations", "function_declarations")
_HINTS = (b"tool_result", b"call_output", b"tool_call_id", b"functionResponse", b"function_response")
_NAMES = ("tool_use_id", "call_id", "tool_call_id", "id")  # whose result it is
_NOT_SAID = (*_NAMES, "status", "cache_control")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Of each tool result, in the order of the calls, a digest, equal for those that say the same, and a marker.

    And how many tools the request offers.
    """

    digests: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    tools: int = 0


def results_in(request: HttpRequest) -> Results:
    """The results, and the number of tools, in a request that was read before. Raises what `json_object` raises."""
    body = decoded_body(request)
    has_results = any(word in body for word in _HINTS)
    if not has_results and b'"tools"' not in body:
        return Results()
    document = json_object(request)
    calls, results = list[str](), list[Mapping[str, object]]()
    for kind, entry in _entries(document) if has_results else ():
        if kind == "call":
            calls.append(_name(entry))
        else:
            results.append(entry)
    order = {name: position for position, name in reversed(list(enumerate(calls))) if name}
    results.sort(key=lambda result: order.get(_name(result), len(calls)))  # stable: some of Gemini's have no name
    texts = [json.dumps({k: v for k, v in each.items() if k not in _NOT_SAID}, sort_keys=True) for each in results]
    return Results(
        digests=tuple(digest(text.encode()) for text in texts),
        markers=tuple(next(iter(markers_of(text)), "") for text in texts),
        tools=_tools(document),
    )


def _tools(document: Mapping[str, object]) -> int:
    inner = document.get("request")  # Code Assist's
    tools = (inner if isinstance(inner, dict) else document).get("tools")
    return sum(_functions(tool) for tool in tools) if isinstance(tools, list) else 0


def _functions(tool: object) -> int:
    """One, but for Gemini's, which come in groups."""
    group = next((tool[key] for key in _GROUPS if key in tool), None) if isinstance(tool, dict) else None
    return len(group) if isinstance(group, list) else 1


def _entries(value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The calls and the results in a document, in its order."""
    if isinstance(value, list):
        for item in value:
            yield from _entries(item)
    if not isinstance(value, dict):
        return
    if value.get("type") in _RESULTS or value.get("role") == "tool":
        yield "result", value
        return
    if value.get("type") in _CALLS or "function" in value:  # the latter is Chat Completions', and a tool's definition
        yield "call", value
        return
    for key, item in value.items():
        if key in _GEMINIS and isinstance(item, dict):
            yield _GEMINIS[key], item
        else:
            yield from _entries(item)


def _name(entry: Mapping[str, object]) -> str:
    return next((str(entry[name]) for name in _NAMES if entry.get(name)), "")
