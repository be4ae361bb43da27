"""Reads what is sent to Gemini's generateContent and refuses what the API would refuse.

Both spellings of proto3 JSON pass (camelCase and snake_case), and numbers written as strings. Keys are not looked
at. Complaints name a field as the API does, in snake_case.
"""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from fakes.providers.base import BadRequest, Element, is_number, is_signature

_REQUEST = "GenerateContentRequest"
_FIELDS = {
    "contents": (list, "type.googleapis.com/google.ai.generativelanguage.v1beta.Content"),
    "tools": (list, "type.googleapis.com/google.ai.generativelanguage.v1beta.Tool"),
    "tool_config": (dict, "type.googleapis.com/google.ai.generativelanguage.v1beta.ToolConfig"),
    "system_instruction": (dict, "type.googleapis.com/google.ai.generativelanguage.v1beta.Content"),
    "safety_settings": (list, "type.googleapis.com/google.ai.generativelanguage.v1beta.SafetySetting"),
    "generation_config": (dict, "type.googleapis.com/google.ai.generativelanguage.v1beta.GenerationConfig"),
    "model": (str, "TYPE_STRING"),
    "cached_content": (str, "TYPE_STRING"),
    "service_tier": (str, "TYPE_STRING"),
    "labels": (dict, "TYPE_MAP"),
    "session_id": (str, "TYPE_STRING"),
    "store": (bool, "TYPE_BOOL"),
    "continuation_token": (str, "TYPE_BYTES"),
}
_LIMITS: dict[str, tuple[float, float, str]] = {
    "temperature": (0, 2, "TYPE_FLOAT"),
    "top_p": (0, 1, "TYPE_FLOAT"),
    "top_k": (1, math.inf, "TYPE_INT32"),
    "candidate_count": (1, 8, "TYPE_INT32"),
    "max_output_tokens": (1, math.inf, "TYPE_INT32"),
    "presence_penalty": (-2, 2, "TYPE_FLOAT"),
    "frequency_penalty": (-2, 2, "TYPE_FLOAT"),
}
_DATA = {
    "text": str,
    "inline_data": dict,
    "file_data": dict,
    "function_call": dict,
    "function_response": dict,
    "executable_code": dict,
    "code_execution_result": dict,
    "tool_call": dict,
    "tool_response": dict,
}
_UNEQUAL = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the"
    " function call turn."
)
_GENERATION = re.compile(r"gemini-(\d+)")
_FIRST_TO_SIGN = 3
# For a call that this model has not made: another one, or whoever has written the conversation.
_UNVALIDATED = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_UNSIGNED = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly,"
    " and missing thought_signature may lead to degraded model performance. Additional data, function call"
    " `default_api:{name}` , position {position}. Please refer to"
    " https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
)
_NESTED: dict[type, str] = {dict: "an object", list: "a list"}
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snake(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same fields under their snake_case names."""
    return {_HUMP.sub(lambda hump: f"_{hump[1].lower()}", key): value for key, value in data.items()}


def signs_calls(model: str) -> bool:
    """Whether this model signs the tool calls that it makes, and refuses to go on from one without its signature.

    So Gemini 3 and later; https://ai.google.dev/gemini-api/docs/thought-signatures.
    """
    generation = _GENERATION.match(model)
    return generation is not None and int(generation[1]) >= _FIRST_TO_SIGN


def read(body: Mapping[str, Any], where: str = "", model: str = "") -> list[Element]:
    """The user's texts and the tool results of a valid request to `model`; `where` is the path of what holds it.

    Raises:
        BadRequest: the API would answer 400.
    """
    fields = snake(body)
    for name, value in fields.items():
        _check_field(name, value, where)
    contents = fields.get("contents")
    if not contents:
        raise _refusal("contents", "contents is not specified")
    _check_config(snake(fields.get("generation_config") or {}), where)
    turns = [_turn(content, f"contents[{number}]") for number, content in enumerate(contents)]
    _check_pairs(turns)
    if signs_calls(model):
        _check_signatures(turns)
    return [element for number, (role, parts) in enumerate(turns) for element in _elements(number, role, parts)]


def _refusal(field: str, words: str) -> BadRequest:
    return BadRequest(f"* {_REQUEST}.{field}: {words}\n", field)


def wrong_type(where: str, kind: str, value: object) -> BadRequest:
    """A field has another JSON type."""
    # What is nested is named and not shown: it may be too deep to be printed.
    shown = f'"{value}"' if isinstance(value, str) else _NESTED.get(type(value)) or str(value)
    return BadRequest(f"Invalid value at '{where}' ({kind}), {shown[:200]}", where)


def unknown_name(name: str, where: str = "") -> BadRequest:
    """There is no such field."""
    place = f" at '{where}'" if where else ""
    return BadRequest(f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.', where or name)


def _check_field(name: str, value: object, where: str) -> None:
    if name not in _FIELDS:
        raise unknown_name(name, where)
    wanted, kind = _FIELDS[name]
    if value is not None and not isinstance(value, wanted):
        raise wrong_type(f"{where}.{name}" if where else name, kind, value)


def _check_config(config: Mapping[str, Any], where: str) -> None:
    for name, (low, high, kind) in _LIMITS.items():
        value = config.get(name)
        if value is None:
            continue
        number = _number(value, whole=kind == "TYPE_INT32")
        if number is None:
            raise wrong_type(f"{where}.generation_config.{name}".lstrip("."), kind, value)
        if not low <= number <= high:
            limits = f"must be in the range [{float(low)}, {float(high)}]." if high < math.inf else "must be positive."
            raise _refusal(f"generation_config.{name}", f"{name} {limits}")


def _number(value: object, *, whole: bool) -> float | None:
    """The number, which proto3 JSON may write as a string; None for anything else."""
    if not is_number(value) and not isinstance(value, str):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None
    if math.isnan(number) or (whole and not number.is_integer()):
        return None
    return number


_Turn = tuple[str, list[dict[str, Any]]]


def _turn(content: Any, where: str) -> _Turn:
    if not isinstance(content, dict):
        raise wrong_type(where, _FIELDS["contents"][1], content)
    role = content.get("role") or "user"
    if role not in ("user", "model", "function", "tool"):
        raise BadRequest("Please use a valid role: user, model.", f"{where}.role")
    parts = content.get("parts")
    if not parts:
        raise _refusal(f"{where}.parts", "contents.parts must not be empty.")
    if not isinstance(parts, list):
        raise wrong_type(f"{where}.parts", "type.googleapis.com/google.ai.generativelanguage.v1beta.Part", parts)
    return role, [_part(part, f"{where}.parts[{number}]") for number, part in enumerate(parts)]


def _part(part: Any, where: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise wrong_type(where, "type.googleapis.com/google.ai.generativelanguage.v1beta.Part", part)
    fields = {name: value for name, value in snake(part).items() if value is not None}
    given = [name for name in _DATA if name in fields]
    for name in given:
        if not isinstance(fields[name], _DATA[name]):
            raise wrong_type(f"{where}.{name}", "TYPE_STRING" if name == "text" else "TYPE_MESSAGE", fields[name])
    if not given and "thought_signature" not in fields:
        raise _refusal(f"{where}.data", "required oneof field 'data' must have one initialized field")
    if len(given) > 1:
        raise BadRequest(
            f"Invalid value at '{where}' (oneof), oneof field 'data' is already set.", f"{where}.{given[1]}"
        )
    for name in ("function_call", "function_response"):
        if name in fields and not isinstance(fields[name].get("name"), str):
            raise _refusal(f"{where}.{name}.name", "Name cannot be empty.")
    return fields


def _check_pairs(turns: list[_Turn]) -> None:
    """As many function responses as function calls, right after them. Consecutive turns of either kind are one."""
    calls = 0
    for answering, group in groupby(enumerate(turns), key=lambda entry: bool(_count(entry[1], "function_response"))):
        members = list(group)
        if answering:
            _check_answers(members, calls)
            calls = 0
            continue
        for number, turn in members:
            if calls and turn[0] != "model":
                raise BadRequest(_UNEQUAL, f"contents[{number}]")
            calls += _count(turn, "function_call")


def _check_answers(members: list[tuple[int, _Turn]], calls: int) -> None:
    where = f"contents[{members[0][0]}]"
    if not calls:
        words = "Please ensure that function response turn comes immediately after a function call turn."
        raise BadRequest(words, where)
    if sum(_count(turn, "function_response") for _, turn in members) != calls:
        raise BadRequest(_UNEQUAL, where)


def _count(turn: _Turn, name: str) -> int:
    return sum(name in part for part in turn[1])


def _check_signatures(turns: list[_Turn]) -> None:
    """The first call of each step since the user has last said something has its signature, or the word for none."""
    said = [number for number, (role, parts) in enumerate(turns) if role != "model" and not _answers(parts)]
    for number, (role, parts) in enumerate(turns):
        if number < max(said, default=0) or role != "model":
            continue
        for place, part in enumerate(parts):
            if "function_call" in part:
                _check_signature(part, number, f"contents[{number}].parts[{place}]")
                break


def _answers(parts: list[dict[str, Any]]) -> bool:
    return all("function_response" in part for part in parts)


def _check_signature(part: dict[str, Any], number: int, where: str) -> None:
    signature = part.get("thought_signature")
    if not signature:
        name = part["function_call"]["name"]
        raise BadRequest(_UNSIGNED.format(name=name, position=number + 1), where)
    if signature not in _UNVALIDATED and not is_signature(signature):
        raise BadRequest("Corrupted thought signature.", where)


def _elements(number: int, role: str, parts: list[dict[str, Any]]) -> Iterator[Element]:
    if role == "model":
        return
    for part in parts:
        if "function_response" in part:
            yield None
        elif isinstance(part.get("text"), str):
            yield number, part["text"]
