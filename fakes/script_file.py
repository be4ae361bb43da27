"""Reads scripts from TOML or JSON files; every complaint names the file, the key and what to write instead.

A file says what `fakes.script` can say, no more: keys are the field names of its records, and a reply's
`kind` names its type.
"""

import json
import tomllib
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from fakes.script import (
    Altered,
    Broken,
    Cut,
    Framing,
    Match,
    Parts,
    Reading,
    Reset,
    Rule,
    Script,
    ScriptError,
    Stall,
    Status,
    StreamError,
    Text,
    Thinking,
    ToolCall,
    Truncate,
)

_KINDS: dict[str, type[Any]] = {
    "text": Text,
    "tool": ToolCall,
    "parts": Parts,
    "status": Status,
    "stream-error": StreamError,
    "stall": Stall,
    "reset": Reset,
    "truncate": Truncate,
    "broken": Broken,
}
_PARTS: dict[str, type[Any]] = {"text": Text, "thinking": Thinking, "tool": ToolCall}


def _read_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, whose keys JSON may repeat and TOML may not: the first of two would be lost without a word."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is given twice in one object")
        found[key] = value
    return found


_READERS: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": _read_json}


def load_script(path: Path) -> Script:
    """The script in a .toml or .json file.

    Raises:
        ScriptError: the file cannot be read or parsed, or a key is unknown, missing or wrong.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise ScriptError(f"{path}: a script file ends in .toml or .json; rename it")
    try:
        data = read(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ScriptError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (ValueError, RecursionError) as error:
        raise ScriptError(f"{path}: is not valid {path.suffix[1:].upper()}: {error}") from None
    try:
        return script_from(data)
    except ScriptError as error:
        raise ScriptError(f"{path}: {error}") from None


def script_from(data: object) -> Script:
    """The script in a document that is already parsed.

    Raises:
        ScriptError: a key is unknown, missing or wrong.
    """
    table = _table(data, "the script", ("rules", "strict", "reading"))
    if "rules" not in table:
        raise ScriptError("rules: is missing; write at least one [[rules]]")
    strict = table.get("strict", True)
    if not isinstance(strict, bool):
        raise ScriptError("strict: must be true or false")
    rules = tuple(_rule(rule, f"rules[{n}]") for n, rule in enumerate(_list(table["rules"], "rules")))
    reading = _build(Reading, dict(_table(table["reading"], "reading")), "reading") if "reading" in table else None
    return Script(rules, strict=strict, reading=reading)


def _rule(data: object, where: str) -> Rule:
    table = _table(data, where, ("name", "match", "replies", "repeat_last"))
    given = dict(table)
    if "replies" in given:
        found = _list(given["replies"], f"{where}.replies")
        given["replies"] = tuple(_reply(reply, f"{where}.replies[{n}]") for n, reply in enumerate(found))
    given["match"] = _build(Match, dict(_table(given.get("match", {}), f"{where}.match")), f"{where}.match")
    rule: Rule = _build(Rule, given, where)
    return rule


def _reply(data: object, where: str, kinds: dict[str, type[Any]] = _KINDS) -> Any:
    given = dict(_table(data, where))
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or kind not in kinds:
        raise ScriptError(f"{where}.kind: must be one of {', '.join(kinds)}, not {kind!r}")
    if "parts" in given:
        found = _list(given["parts"], f"{where}.parts")
        given["parts"] = tuple(_reply(part, f"{where}.parts[{n}]", _PARTS) for n, part in enumerate(found))
    if "answer" in given:
        given["answer"] = _reply(given["answer"], f"{where}.answer")
    for key, part in (("cut", Cut), ("framing", Framing)):
        if key in given:
            given[key] = _build(part, dict(_table(given[key], f"{where}.{key}")), f"{where}.{key}")
    if "altered" in given:
        changes = _list(given["altered"], f"{where}.altered")
        given["altered"] = tuple(_altered(change, f"{where}.altered[{n}]") for n, change in enumerate(changes))
    if "headers" in given:
        given["headers"] = _headers(given["headers"], f"{where}.headers")
    return _build(kinds[kind], given, where)


def _altered(data: object, where: str) -> Altered:
    made: Altered = _build(Altered, dict(_table(data, where)), where)
    return made


def _headers(data: object, where: str) -> tuple[tuple[str, str], ...]:
    if isinstance(data, dict):
        return tuple(data.items())
    pairs = (tuple(_list(pair, f"{where}[{n}]")) for n, pair in enumerate(_list(data, where)))
    return tuple(pairs)


def _build(kind: type[Any], given: dict[str, Any], where: str) -> Any:
    known = {field.name: field for field in fields(kind)}
    for key in given:
        if key not in known:
            raise ScriptError(f"{where}.{key}: is not a key here; use {', '.join(known)}")
    for name, field in known.items():
        required = field.default is MISSING and field.default_factory is MISSING
        if required and name not in given:
            raise ScriptError(f"{where}.{name}: is missing")
    try:
        return kind(**given)
    except ScriptError as error:
        raise ScriptError(f"{where}.{error}") from None


def _table(data: object, where: str, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ScriptError(f"{where}: must be a table of keys and values")
    for key in data:
        if keys and key not in keys:
            raise ScriptError(f"{where}.{key}: is not a key here; use {', '.join(keys)}")
    return data


def _list(data: object, where: str) -> list[Any]:
    if not isinstance(data, list):
        raise ScriptError(f"{where}: must be a list")
    return data
