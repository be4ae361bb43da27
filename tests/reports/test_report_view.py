"""What both renderings show of a result that was scheduled, and of a certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reports import html, markdown, view
from reports.record import Record, Result

ORDER = ("why: b <undid> what *a* had written", "made simpler in 3 replays: 1 preemption, 2 of 9 decisions are left")
PICTURE = ("     a", "     | b", "   0 *    a.0: openat <count>", "1000   *  b.0: rename new count")


@pytest.fixture
def scheduled(new_record: Callable[..., Record], lost: Result) -> Record:
    return new_record(results=(replace(lost, schedule=(*ORDER, *PICTURE), certificate="Exhaustive: 8 of <8> classes"),))


def test_sentences_are_told_from_the_picture(scheduled: Record) -> None:
    (entry,) = view.results(scheduled)
    assert (entry.order, entry.picture) == (ORDER, PICTURE)


def test_a_picture_keeps_its_columns(scheduled: Record) -> None:
    text = markdown.render(scheduled)
    assert "\n".join(["```text", *PICTURE, "```"]) in text
    assert "## The order of the calls" in text
    page = html.render(scheduled)
    assert "     | b\n   0 *    a.0: openat &lt;count&gt;\n1000" in page
    assert "<p>why: b &lt;undid&gt; what *a* had written</p>" in page


def test_a_certificate_is_shown(scheduled: Record) -> None:
    assert "### Certificate" in markdown.render(scheduled)
    assert "Exhaustive: 8 of &lt;8&gt; classes" in html.render(scheduled)


def test_without_a_schedule_there_is_no_such_part(new_record: Callable[..., Record], lost: Result) -> None:
    assert "order of the calls" not in markdown.render(new_record(results=(lost,)))
