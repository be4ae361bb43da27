"""JSON documents in a stream that may hold anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.targets.output import documents, rows_in, shows_traceback


@pytest.mark.parametrize(
    ("text", "found", "stray"),
    [
        ("", (), False),
        (" \n\t\r\n", (), False),
        ('{"a": 1}\n', ({"a": 1},), False),
        ("[1]", ([1],), False),
        ('{"a": 1}\n{"b": 2}', ({"a": 1}, {"b": 2}), False),
        ('{"a": 1}{"b": 2}', ({"a": 1}, {"b": 2}), False),
        ('{\n  "a": {"b": 1}\n}\n', ({"a": {"b": 1}},), False),
        ("warn: x\n{}", ({},), True),
        ("{}\nbye", ({},), True),
        ("{} bye {}\n[]", ({}, []), True),
        ('{"torn": ', (), True),
        ('{"torn": \n{"a": 1}', ({"a": 1},), True),
        ("17\n", (), True),
        ('"text"', (), True),
        ("}{", (), True),
        ("\x1b[31m{}\x1b[0m\n", (), True),
        ('{"ü\ud800": "\u2028"}', ({"ü\ud800": "\u2028"},), False),
        ('{"long": ' + "9" * 5000 + "}", (), True),
        ("{}\n" + "[\n" * 100_000, ({},), True),  # each of these lines would cost as much as the first
    ],
)
def test_documents(text: str, found: Any, stray: bool) -> None:
    seen = documents(text)
    assert (seen.found, seen.stray) == (found, stray)


@given(st.text(alphabet='{}[]",:ab1 \n\\', max_size=40))
def test_no_text_makes_it_fail(text: str) -> None:
    seen = documents(text)
    assert all(isinstance(document, dict | list) for document in seen.found)
    assert seen.stray or not text.strip() or seen.found


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), max_size=4))
def test_what_was_printed_is_found(printed: list[Any]) -> None:
    seen = documents("\n".join(json.dumps(document) for document in printed))
    assert (seen.found, seen.stray) == (tuple(printed), False)


def test_the_last_object_counts() -> None:
    assert documents('{"a": 1}\n{"b": 2}\n[3]').last_object == {"b": 2}
    assert documents("[3]").last_object == {}


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ({"key": [{"a": 1}, {}]}, [{"a": 1}, {}]),
        ({"key": []}, []),
        ({}, None),
        ({"key": None}, None),
        ({"key": {"a": 1}}, None),
        ({"key": [{"a": 1}, "b"]}, None),
    ],
)
def test_rows_are_objects_or_none(document: dict[str, Any], rows: Any) -> None:
    assert rows_in(document, "key") == rows


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("Traceback (most recent call last):\n  File", True),
        ("noise\nTraceback (most recent call last):", True),
        ("Error: x\n    at main (/srv/a.js:10:5)\n", True),
        ("Error: x\n    at async Object.run (file:///srv/a.mjs:1:2)", True),
        ("the words Traceback (most recent call last): in a sentence", False),
        ("we meet at noon (10:30)", False),
        ("", False),
    ],
)
def test_tracebacks(text: str, shows: bool) -> None:
    assert shows_traceback(text) is shows
