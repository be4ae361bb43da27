"""What a conversation tells a model of its tools, of whichever provider: only to say which of it is the same."""

import json
from collections.abc import Iterator, Mapping

from fakes.events import digest
from fakes.providers.base import json_object
from fakes.wire.http import HttpRequest, decoded_body

_TYPES = ("tool_result", "function_call_output", "custom_tool_call_output")  # of Anthropic's blocks, Responses' items
_KEYS = ("functionResponse", "function_response")  # of Gemini's parts
_HINTS = (b"tool_result", b"call_output", b"tool_call_id", b"functionResponse", b"function_response")
_NOT_SAID = ("id", "tool_use_id", "call_id", "tool_call_id", "status", "cache_control")


def results_in(request: HttpRequest) -> tuple[str, ...]:
    """A digest of each tool result, in order, without the id of its call: those are equal that say the same.

    The request was read before. Raises what `json_object` raises.
    """
    if not any(word in decoded_body(request) for word in _HINTS):  # as of most
        return ()
    return tuple(_digests(json_object(request)))


def _digests(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _digests(item)
    if not isinstance(value, dict):
        return
    if value.get("type") in _TYPES or value.get("role") == "tool":  # which is Chat Completions'
        yield _digest(value)
        return
    for key, item in value.items():
        if key in _KEYS and isinstance(item, dict):
            yield _digest(item)
        else:
            yield from _digests(item)


def _digest(result: Mapping[str, object]) -> str:
    said = {key: value for key, value in result.items() if key not in _NOT_SAID}
    return digest(json.dumps(said, sort_keys=True).encode())
