"""Makes a target's text safe to show: no control character acts, no Markdown or HTML in it is obeyed.

What is shown is never silently different: control characters become visible, cuts say how much was cut. Only
colour sequences vanish. Everything here is Markdown as GitHub reads it; HTML is escaped by its templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

WIDTH = 240  # characters of one line that are shown
LINES = 200  # lines of one block that are shown

_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,64}m")
# C1 controls, Unicode's format characters (Cf), line separators, surrogates, and what it calls ignorable: fillers, and
# selectors of variants but for those that choose how an emoji looks.
_INVISIBLE = re.compile(
    "[\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_MENTION = r"(?P<mention>[@#](?=[A-Za-z0-9])|\bGH-(?=[0-9]))"  # GitHub would notify or link
_LINK = r"(?P<link>:(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):)"  # GitHub links bare addresses
_HTML = r"(?P<html>[&<>|\\])"  # a pipe ends a table cell even behind a backslash
_MARKUP = r"(?P<markup>[*`~\[\]{}$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-+=#])"
_LIST = r"(?P<list>(?<=^[0-9])[.)](?=\s|$)|(?<=^[0-9]{2})[.)](?=\s|$)|(?<=^[0-9]{3})[.)](?=\s|$))"
_PROSE = re.compile("|".join((_MENTION, _LINK, _HTML, _MARKUP, _LIST)), re.IGNORECASE)
_ACTIVE = re.compile("|".join((_MENTION, _LINK, _HTML, r"(?P<markup>[*`~\[\]{}$_!\"'@#]|^[-+=])")), re.IGNORECASE)
_THREAD = re.compile(r"https://[A-Za-z0-9.-]+/[A-Za-z0-9._/#?=%-]*")


def clean(text: str) -> str:
    """Line feeds stay, tabs become spaces, and every other control or invisible character becomes visible."""
    text = _COLOUR.sub("", text.replace("\r\n", "\n")).replace("\t", "    ")
    text = _CONTROL.sub(lambda found: chr(0x2400 + ord(found[0])), text)
    return _INVISIBLE.sub(_numbered, text)


def _numbered(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def visible_json(document: str) -> str:
    """The same data with every invisible character as JSON's own escape: it stands in the text of a string alone."""
    return _INVISIBLE.sub(_escaped, document)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def line(text: str, width: int = WIDTH) -> str:
    """One clean line: white space is collapsed, and what goes beyond `width` is counted."""
    joined = " ".join(clean(text[: 8 * width]).split())
    shown = joined[:width].rstrip()
    cut = len(joined) - len(shown) + max(0, len(text) - 8 * width)
    return f"{shown}… ({cut} more characters)" if len(joined) > width or len(text) > 8 * width else joined


def lines(text: str, limit: int = LINES, width: int = WIDTH) -> list[str]:
    """Clean lines with their indentation, bounded in number and width; both cuts are counted."""
    every = text.replace("\r\n", "\n").split("\n")
    shown = [_cut(entry, width) for entry in every[:limit]]
    return [*shown, f"… ({len(every) - limit} more lines)"] if len(every) > limit else shown


def _cut(text: str, width: int) -> str:
    cleaned = clean(text[: 2 * width])
    if len(cleaned) <= width and len(text) <= 2 * width:
        return cleaned
    return f"{cleaned[:width]}… ({max(len(text) - width, len(cleaned) - width)} more characters)"


def prose(text: str, width: int = 4 * WIDTH) -> str:
    """Text within a Markdown paragraph, list item or table cell. No markup, mention or link in it works."""
    return _PROSE.sub(_inert, line(text, width))


def _inert(found: re.Match[str]) -> str:
    if found["mention"]:
        return found[0] + "<!-- -->"
    return _entity(found) if found["link"] or found["html"] else "\\" + found[0]


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def entities(text: str) -> str:
    """A clean line for a heading or for HTML within Markdown: all that either could obey is an entity."""
    return _ACTIVE.sub(lambda found: found[0] + "<!-- -->" if found["mention"] else _entity(found), text)


def thread(source: str) -> str:
    """The address of a thread when `source` is one that may be linked, else ""."""
    return source if _THREAD.fullmatch(source) else ""


def indented(text: str, width: int = WIDTH) -> str:
    """One clean line that keeps its indentation."""
    return _cut(text.replace("\n", "␊"), width)


def code(text: str, width: int = WIDTH) -> str:
    """Text in code style in a paragraph or cell. Backticks and pipes need HTML, as tables split first."""
    text = line(text, width)
    if not text:
        return ""
    if "`" not in text and "|" not in text:
        return f"`{text}`"
    return f"<code>{_PUNCTUATION.sub(_entity, text)}</code>"


def block(content: Iterable[str], language: str = "") -> str:
    """A fenced block; the fence is longer than any run of backticks inside. `content` are clean lines."""
    body = "\n".join(content)
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of cells that are already safe; an empty cell shows a dash."""
    written = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell or "-" for cell in row) + " |\n" for row in written)
