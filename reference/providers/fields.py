"""Reading JSON that somebody else wrote, without trusting its shape.

A provider's answer may be anything; a missing or mistyped field reads as empty here, and the caller decides
whether it can do without. Nothing in this file raises, except for text that is not a JSON object at all.
"""

from __future__ import annotations

import json
from typing import cast

from reference.errors import Retryable
from reference.jsonfile import Damaged, finite, refuse_constant
from reference.messages import Json


def parse_object(text: str | bytes, *, what: str) -> Json:
    """`text` as a JSON object. Raises Retryable `malformed-stream` naming `what`; the text is not quoted.

    NaN and Infinity are no JSON: in a tool's arguments they would go back to the provider, which refuses them.
    """
    try:
        value = json.loads(text, parse_constant=refuse_constant, parse_float=finite)
    except (ValueError, RecursionError, Damaged):
        raise Retryable("malformed-stream", f"the provider sent {what} that is not JSON") from None
    if not isinstance(value, dict):
        raise Retryable("malformed-stream", f"the provider sent {what} that is not a JSON object")
    return cast(Json, value)


def obj(value: object) -> Json:
    """`value` if it is a JSON object, else an empty one."""
    return cast(Json, value) if isinstance(value, dict) else {}


def items(value: object) -> list[Json]:
    """The objects in a JSON array; anything else in it is left out."""
    return [cast(Json, entry) for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """`value` if it is a string, else the empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """`value` if it is a finite number, also one written as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if result - result == 0 else None
