"""report.html is well-formed, self-contained, safe, and draws one lane an actor."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from reports import html, textline
from reports.record import Record, Result

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Refuses tags that are not closed in order; keeps tags, attributes, and the text of each element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes out of order"

    def handle_data(self, data: str) -> None:
        self.words.append((self.open[-1] if self.open else "", data))

    def of(self, tag: str, wanted: str = "") -> list[dict[str, str | None]]:
        """The attributes of every such tag that has the class."""
        return [
            attrs for name, attrs in self.tags if name == tag and wanted in [*(attrs.get("class") or "").split(" "), ""]
        ]

    def text(self) -> str:
        return "".join(data for tag, data in self.words if tag != "style")


@pytest.fixture
def page(violated: Record) -> Page:
    return Page(html.render(violated))


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "img", "iframe", "object", "embed", "base", "form")
        assert not [name for name in attrs if name.startswith("on") or name in ("src", "srcset", "xlink:href")]
        address = attrs.get("href") or "#"
        assert address.startswith("#") or (tag == "a" and address.startswith("https://github.com/"))
    style = "".join(data for tag, data in page.words if tag == "style")
    assert "url(" not in style
    assert "@import" not in style


def test_every_inner_link_has_its_target_and_every_id_is_unique(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.tags:
        address = attrs.get("href") or ""
        assert not address.startswith("#") or address[1:] in ids
        assert all(name in ids for name in (attrs.get("aria-labelledby") or "").split())


def test_the_lanes_are_the_actors_and_the_fakes(page: Page) -> None:
    lanes = [attrs["data-lane"] for attrs in page.of("g", "lane")]
    first = ["add-lane1", "add-lane2", "add-lane3", "add-lane4", "files", "harness"]
    assert lanes == [
        *first, "run-a", "run-b", "run-c", "run-d", "anthropic", "gemini", "token endpoint",
        "run-a", "build-a", "files", "harness", *first,
    ]  # fmt: skip


def test_bars_and_marks_are_drawn_with_hover_titles_and_evidence(
    new_record: Callable[..., Record], lost: Result
) -> None:
    page = Page(html.render(new_record(lost)))
    drawn = [attrs for attrs in page.of("rect", "bar") if attrs.get("y") and "." in str(attrs["x"])]
    kinds = [str(attrs["class"]).split()[1] for attrs in drawn]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"process": 4, "tree": 4, "held": 4}
    assert len(page.of("g", "mark")) == 27
    assert len(page.of("g", "evidence")) == 6
    titles = [data for tag, data in page.words if tag == "title"]
    assert "#15 · 0.060 s · add-lane1 exits 0" in titles
    assert "add-lane2: held" in titles


def test_every_mark_has_a_symbol_and_a_legend(page: Page) -> None:
    symbols = {attrs["id"] for attrs in page.of("symbol")}
    assert symbols == {f"mark-{kind}" for kind in textline.GLYPHS}
    assert "process tree looked at" in page.text()
    assert "held at a system call" in page.text()
    assert "evidence for finding n" in page.text()


def test_every_verdict_has_its_word_and_its_symbol(page: Page) -> None:
    for said in ("✗ VIOLATED", "? UNKNOWN", "✓ CONFORMS", "○ INCONCLUSIVE", "— UNSUPPORTED"):
        assert said in page.text()
    assert len(page.of("span", "pill")) == 5 + 5 + 5  # the table, the results, the meanings


def test_the_report_says_what_the_markdown_says(page: Page) -> None:
    text = page.text()
    for said in (
        "four adds read the config before any of them writes it",
        "violated in 7 of 10 runs (2 inconclusive, 1 unknown) with the fault",
        "control arm without it: not run",
        "lane1, lane2 and lane3 were acknowledged but are not listed",
        "#27 · 0.108 s",
        "pileup replay CFG-1.7f3a",
        '+  "agents": ["main", "lane4"]',
        "reuse-detected",
        "701  └─ sh -c make  [run-a]",
        "durability across power loss",
        "npm start-up took 0.9 s",
        "Linux 6.8.0",
    ):
        assert said in text


def test_what_conforms_is_folded_and_the_rest_is_open(page: Page) -> None:
    assert len(page.of("article", "violated")) == 3
    assert len(page.of("article", "unknown")) == 1
    assert len(page.of("details", "conforms")) == 1
    assert page.of("article", "conforms") == []


def test_hostile_text_is_text(attacked: Record, attack: str) -> None:
    rendered = html.render(attacked)
    page = Page(rendered)
    names = {tag for tag, _ in page.tags}
    assert "script" not in names
    assert "img" not in names
    assert "<script>alert(1)</script> </details>" in page.text()
    assert "{{ 7*7 }} {% raw %}" in page.text()
    assert not [char for char in rendered if char != "\n" and (ord(char) < 32 or 127 <= ord(char) < 160)]
    assert not set("\u202e\u200b\ud800") & set(rendered)
    assert len(page.of("g", "lane")) == 4
    assert "#99" in page.text()


def _luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_on_its_ground(page: Page, theme: int) -> None:
    style = "".join(data for tag, data in page.words if tag == "style")
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[theme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
    verdicts = ["violated", "unknown", "inconclusive", "unsupported", "conforms"]
    pairs = [(text, ground) for text in ("ink", "soft", "link") for ground in ("paper", "card", "wash")]
    pairs += [(name, f"{name}-wash") for name in verdicts] + [("ink", f"{name}-wash") for name in verdicts]
    poor = [pair for pair in pairs if _contrast(colours[pair[0]], colours[pair[1]]) < 4.5]
    assert poor == []
    assert _contrast(colours["mark"], colours["process"]) >= 3  # graphics


def test_an_empty_session_says_so(new_record: Callable[..., Record]) -> None:
    text = Page(html.render(new_record(interrupted=True))).text()
    assert text.count("Nothing was run.") == 2
    assert "The session was interrupted." in text


def test_an_unknown_verdict_looks_undecided(
    new_record: Callable[..., Record], new_result: Callable[..., Result]
) -> None:
    page = Page(html.render(new_record(new_result(verdict='x" onclick="y'))))
    assert len(page.of("article", "unknown")) == 1
    assert page.of("details", "result") == []


def test_only_addresses_of_threads_become_links(new_record: Callable[..., Record], lost: Result) -> None:
    links = [str(attrs["href"]) for attrs in Page(html.render(new_record(lost))).of("a")]
    assert [link for link in links if link[0] != "#"] == ["https://github.com/openclaw/openclaw/issues/43367"]
