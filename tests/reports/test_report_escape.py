"""Target text in Markdown: a GitHub-like parser must see text and nothing else."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports import escape

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine is shared

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NASTY = st.text(
    st.sampled_from("ab1 `|\\<>&*_~[](){}!#@.:/-+='\"\n\t\r\x1b\x00\x9b\u202e\u200b\ud800é日$;"), max_size=40
)


def _flat(text: str) -> list[Token]:
    """All tokens, except the comments that break mentions."""
    tokens: list[Token] = []
    for token in PARSER.parse(text):
        tokens.extend(token.children if token.children is not None else [token])
    return [token for token in tokens if not (token.type == "html_inline" and token.content == "<!-- -->")]


def _kinds(text: str) -> set[str]:
    return {token.type for token in _flat(text)}


def _shown(text: str) -> str:
    return "".join(token.content for token in _flat(text) if token.type in ("text", "text_special", "code_inline"))


@UNTIMED
@given(NASTY)
def test_prose_is_text_and_says_the_same(text: str) -> None:
    written = f"- {escape.prose(text)} end"
    assert _kinds(written) <= {
        "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close",
        "paragraph_open", "paragraph_close", "text", "text_special", "inline",
    }  # fmt: skip
    assert _shown(written).split() == [*escape.line(text).split(), "end"]


@UNTIMED
@given(NASTY)
def test_code_is_one_span_and_says_the_same(text: str) -> None:
    written = f"- x {escape.code(text)} end"
    inner = [token for token in _flat(written) if token.type == "html_inline"]
    assert [token.content for token in inner] in ([], ["<code>", "</code>"])
    assert _shown(written).split() == ["x", *escape.line(text).split(), "end"]


@UNTIMED
@given(NASTY)
def test_entities_are_text_in_a_heading(text: str) -> None:
    written = f"## x {escape.entities(escape.line(text))} end"
    assert _kinds(written) <= {"heading_open", "heading_close", "inline", "text", "text_special"}
    assert _shown(written).split() == ["x", *escape.line(text).split(), "end"]


@UNTIMED
@given(st.lists(st.tuples(NASTY, NASTY), min_size=1, max_size=3))
def test_a_table_keeps_its_cells(rows: list[tuple[str, str]]) -> None:
    table = escape.table(["one", "two"], [(escape.prose(left), escape.code(right)) for left, right in rows])
    cells = [token for token in PARSER.parse(table) if token.type == "td_open"]
    assert len(cells) == 2 * len(rows)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in table.splitlines())


@UNTIMED
@given(st.lists(NASTY, min_size=1, max_size=4))
def test_a_block_cannot_be_left(texts: list[str]) -> None:
    written = escape.block([line for text in texts for line in escape.lines(text)], "text") + "\nend\n"
    fence, *rest = PARSER.parse(written)
    assert fence.type == "fence"
    assert [token.content for token in rest if token.type == "inline"] == ["end"]


@pytest.mark.parametrize("line", ["```", "`````", "~~~", "   ```", "```` x"])
def test_a_fence_inside_a_block_stays_inside(line: str) -> None:
    fence, *rest = PARSER.parse(escape.block([line, "# heading"], "text"))
    assert (fence.content, rest) == (f"{line}\n# heading\n", [])


@UNTIMED
@given(NASTY)
def test_nothing_invisible_is_left(text: str) -> None:
    assert not [
        char for char in escape.clean(text) if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs")
    ]


def test_no_character_that_unicode_calls_a_control_a_format_or_a_surrogate_is_left() -> None:
    every = (chr(number) for number in range(sys.maxunicode + 1) if chr(number) != "\n")
    acting = [char for char in every if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert len(acting) > 2000
    assert [char for char in acting if char in escape.clean(char)] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a␍b"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("a\U000e0041b", "a\\U000e0041b"),  # a tag: a model reads it as a letter, a person reads nothing
        ("a\u3164b", "a\\u3164b"),
        ("\u26a0\ufe0f", "\u26a0\ufe0f"),
        ("a\tb", "a    b"),
    ],
)
def test_what_control_characters_become(text: str, shown: str) -> None:
    assert escape.clean(text) == shown


@pytest.mark.parametrize("text", ["@everyone", "see #12", "GH-3", "http://x.example", "www.x.example", "a@b.example"])
def test_nothing_notifies_or_links(text: str) -> None:
    for written in (escape.prose(text), escape.entities(text)):
        assert text not in written
        assert _shown(written) == text


@pytest.mark.parametrize("text", ["1. x", "- x", "+ x", "# x", "> x", "***", "---", "=== x", "12) x", "```", "    x"])
def test_prose_at_the_start_of_a_line_is_a_paragraph(text: str) -> None:
    assert _kinds(escape.prose(text)) <= {"paragraph_open", "paragraph_close", "text", "text_special"}


def test_ordinary_words_stay_readable() -> None:
    text = "lane1's config (openclaw.json) at 2026.3.8 lost four_adds_at_once, 100%"
    assert escape.prose(text) == text


def test_long_text_is_cut_and_counted() -> None:
    assert escape.line("x" * 300, 240) == "x" * 240 + "… (60 more characters)"
    assert escape.line("x" * 10**6, 240).endswith("… (999760 more characters)")
    assert escape.lines("a\n" * 10, 3) == ["a", "a", "a", "… (8 more lines)"]
    assert escape.lines("x" * 300, 3, 240) == ["x" * 240 + "… (60 more characters)"]
    assert escape.line("x" * 240, 240) == "x" * 240


@pytest.mark.parametrize(
    ("source", "linked"),
    [
        ("https://github.com/openclaw/openclaw/issues/43367", True),
        ("http://github.com/x", False),
        ("javascript:alert(1)", False),
        ("https://x.example/a>b", False),
        ("https://x.example/a b", False),
        ("OC#43367", False),
    ],
)
def test_only_addresses_of_threads_are_linked(source: str, linked: bool) -> None:
    assert escape.thread(source) == (source if linked else "")
