"""The decorator: what is no scenario is told so in a line, before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import UsageError
from harness.scenario import scenario


def judge(history: Any) -> list[Any]:
    return []


async def test_good(lab: Any) -> None:
    """A title."""


async def badly_named(lab: Any) -> None:
    """A title."""


def test_waits_for_nobody(lab: Any) -> None:
    """A title."""


async def test_wants_more(lab: Any, tmp_path: Any) -> None:
    """A title."""


async def test_says_nothing(lab: Any) -> None:
    pass


for body in (test_good, test_waits_for_nobody, test_wants_more, test_says_nothing):
    body.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "facts", "said"),
    [
        (badly_named, {}, "scenario badly_named: its name does not begin with test_"),
        (test_waits_for_nobody, {}, "scenario test_waits_for_nobody: it is no `async def`"),
        (test_wants_more, {}, "scenario test_wants_more: it takes the lab, and nothing else"),
        (test_says_nothing, {}, "scenario test_says_nothing: it has no docstring"),
        (test_good, {"judges": []}, "scenario test_good: it has no checker among `judges`"),
        (test_good, {"needs": ["adds"]}, "scenario test_good: its `needs` hold 'adds', which is no Capability"),
    ],
)
def test_what_is_no_scenario_is_refused(body: Any, facts: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        scenario("CFG-1", fault="", **{"judges": [judge], **facts})(body)
    assert str(raised.value).startswith(said)
    assert raised.value.hint
    assert "docs/writing-a-scenario.md" in raised.value.hint


def test_a_scenario_keeps_its_name_and_title() -> None:
    record = scenario("CFG-1", fault="", judges=[judge])(test_good).scenario  # type: ignore[attr-defined]
    assert (record.name, record.title) == ("good", "A title")
