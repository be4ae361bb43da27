"""How OpenAI's APIs refuse a request: one wording and one code for each kind of complaint, and the common checks.

Shared by Chat Completions and Responses, whose complaints read alike.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fakes.answers import is_whole
from fakes.providers.base import BadRequest, is_number
from fakes.script import Status, StreamError
from fakes.wire.http import HttpReply
from fakes.wire.sse import to_bytes

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded", 503: "server_is_overloaded"}
# What both APIs say by themselves (OpenAI's guide to error codes), by the code of the error, or its type without one.
_MESSAGES = {
    "invalid_api_key": "Incorrect API key provided. You can find your API key at"
    " https://platform.openai.com/account/api-keys.",
    "model_not_found": "The requested model does not exist or you do not have access to it.",
    "context_length_exceeded": "Your input exceeds the context window of this model. Please adjust your input and try"
    " again.",
    "unsupported_country_region_territory": "Country, region, or territory not supported",
    "rate_limit_exceeded": "Rate limit reached for requests.",
    "insufficient_quota": "You exceeded your current quota, please check your plan and billing details.",
    "server_error": "The server had an error while processing your request. Sorry about that!",
    "server_is_overloaded": "The server is currently overloaded with other requests. Please try again later.",
}

_KINDS: dict[str, type] = {"boolean": bool, "string": str, "array": list, "object": dict}
_NAMES = {bool: "a boolean", str: "a string", list: "an array", dict: "an object", int: "an integer"}
_ARTICLES = {"array": "an array", "object": "an object", "integer": "an integer", "number": "a decimal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a parameter may be: its JSON type, and for a number its smallest and greatest value."""

    kind: str
    low: float | None = None
    high: float | None = None


def error_reply(status: Status, param: str, exchange: int) -> HttpReply:
    """{"error":{"message","type","param","code"}}."""
    usual = "server_error" if status.code >= 500 else "invalid_request_error"
    code = status.error or _CODES.get(status.code)
    error = {
        "message": status.message or _MESSAGES.get(code or usual, f"The fake was told to answer {status.code}."),
        "type": _TYPES.get(status.code, usual),
        "param": param or None,
        "code": code,
    }
    headers = (*request_id(exchange), *status.headers)
    return HttpReply(status=status.code, body=to_bytes({"error": error}), headers=headers)


def streamed_message(error: StreamError) -> str:
    """What a stream's error says."""
    return error.message or _MESSAGES.get(error.error, "The fake was told to fail here.")


def request_id(exchange: int) -> tuple[tuple[str, str], ...]:
    """The header `x-request-id`."""
    return (("x-request-id", f"req_{exchange:032d}"),)


def missing(param: str) -> BadRequest:
    """A required parameter is not there."""
    return BadRequest(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def wrong_type(param: str, kind: str, value: object) -> BadRequest:
    """A parameter has another JSON type."""
    found = "null" if value is None else _NAMES.get(type(value), "a decimal")
    wanted = _ARTICLES.get(kind, f"a {kind}")
    words = f"Invalid type for '{param}': expected {wanted}, but got {found} instead."
    return BadRequest(words, param, "invalid_type")


def invalid_value(param: str, value: object, supported: Iterable[str]) -> BadRequest:
    """A parameter is none of its few values."""
    names = [f"'{name}'" for name in supported]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return BadRequest(f"Invalid value: '{value}'. Supported values are: {listed}.", param, "invalid_value")


def empty_array(param: str) -> BadRequest:
    """An array must have something in it."""
    words = f"Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    return BadRequest(words, param, "empty_array")


def check_kind(value: object, kind: str, param: str) -> None:
    """Refuse a value of another JSON type.

    Raises:
        BadRequest: it has one.
    """
    if kind == "integer":
        good = is_whole(value)
    elif kind == "number":
        good = is_number(value)
    else:
        good = isinstance(value, _KINDS[kind])
    if not good:
        raise wrong_type(param, kind, value)


def check_fields(body: Mapping[str, Any], fields: Mapping[str, Field]) -> None:
    """Refuse optional parameters of another type or outside their limits; null stands for "not given".

    Raises:
        BadRequest: one is.
    """
    for name, field in fields.items():
        value = body.get(name)
        if value is not None:
            check_kind(value, field.kind, name)
            _check_limits(value, field, name)


def required(data: Mapping[str, Any], name: str, kind: str, where: str = "") -> Any:
    """A parameter that must be there, of its type. `where` is the path of what holds it.

    Raises:
        BadRequest: it is missing or of another type.
    """
    param = f"{where}.{name}" if where else name
    if data.get(name) is None:
        raise missing(param)
    check_kind(data[name], kind, param)
    return data[name]


def _check_limits(value: Any, field: Field, param: str) -> None:
    kind = "integer" if field.kind == "integer" else "decimal"
    if field.low is not None and value < field.low:
        words = f"{kind} below minimum value. Expected a value >= {field.low}, but got {value} instead."
        raise BadRequest(f"Invalid '{param}': {words}", param, f"{kind}_below_min_value")
    if field.high is not None and value > field.high:
        words = f"{kind} above maximum value. Expected a value <= {field.high}, but got {value} instead."
        raise BadRequest(f"Invalid '{param}': {words}", param, f"{kind}_above_max_value")
