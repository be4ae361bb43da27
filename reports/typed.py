"""Checks that dataclasses built from JSON hold what their annotations say, so that no report trips over one.

Knows exactly the types that a record uses: text, numbers, booleans, null, tuples, mappings, dataclasses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


def check(value: Any, where: str = "") -> None:
    """Raise TypeError, naming the field ("results[0].seconds"), where a value is not of its field's type."""
    hints = get_type_hints(type(value))
    for entry in fields(value):
        _check(getattr(value, entry.name), hints[entry.name], f"{where}.{entry.name}".lstrip("."))


def _check(value: Any, kind: Any, where: str) -> None:
    origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(value, kind):  # type: ignore[arg-type]
        check(value, where)
    elif origin is tuple and isinstance(value, tuple):
        for index, item in enumerate(value):
            _check(item, get_args(kind)[0], f"{where}[{index}]")
    elif origin is Mapping and isinstance(value, Mapping):
        for key, item in value.items():
            _check(item, get_args(kind)[1], f"{where}[{key!r}]")
    elif not _fits(value, kind, origin):
        raise TypeError(f"{where} is {type(value).__name__}, not {getattr(kind, '__name__', kind)}")


def _fits(value: Any, kind: Any, origin: Any) -> bool:
    if kind is Any:
        return True
    if origin is UnionType:
        return any(_fits(value, option, None) for option in get_args(kind))
    if origin is not None or kind not in (str, int, float, bool, NoneType):
        return False
    if isinstance(value, bool):  # Python counts True as a number; JSON does not
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
