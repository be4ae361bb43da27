"""Takes secrets and machine paths out of text before it reaches a journal or a report.

Three things go: secrets that the caller knows, in every form of `written` and broken over lines; values that stand
behind a secret's name (`Authorization:`, `"refresh_token":`, `access_token=`), and shapes that are always secret (JWTs,
`sk-…`, `AIza…`). Each becomes «redacted:XXXXXXXX», the first 8 hexadecimal digits of its SHA-256, so that equal secrets
stay recognisable; the fakes' token fingerprints are the same digits. Redacting twice changes nothing, and time is
linear in the text. It refuses to guess that random-looking text is secret.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any
from urllib.parse import quote, quote_plus

SHORTEST_SECRET = 4  # a shorter "secret" would shred ordinary words
_SHORTEST_ENCODED = 8  # the same of its hexadecimal digits and its base64
_LINE_BREAK = r"[\r\n]++[ \t]*+"  # as a terminal or a pretty printer wraps what is too long

_MARKER = re.compile(r"«redacted:[0-9a-f]{8}»")
_HEADERS = r"(?:proxy-)?authorization|x-api-key|x-goog-api-key"
_KEYS = (
    r"refresh_?token|refresh|access_?token|access|id_?token|api_?key|client_?secret|device_?code|code_?verifier|"
    + _HEADERS
)
_SECRET_KEY = re.compile(_KEYS, re.IGNORECASE)
# "key": "value" and 'key': 'value'; in the second pattern the quotes are escaped: JSON within JSON.
_QUOTED = re.compile(
    rf"""(?P<head>(?P<quote>["'])(?:{_KEYS})(?P=quote)[ \t]*+[:=,][ \t]*+[bu]?)"""
    r"""(?:"(?P<double>(?:[^"\\\r\n]|\\.)++)|'(?P<single>(?:[^'\\\r\n]|\\.)++))""",
    re.IGNORECASE,
)
_ESCAPED = re.compile(
    rf"""(?P<head>(?<!\\)\\++["'](?:{_KEYS})\\++["'][ \t]*+[:=,][ \t]*+\\++["'])(?P<value>[^"'\\\r\n]++)""",
    re.IGNORECASE,
)
_HEADER = re.compile(
    rf"""(?P<head>(?:{_HEADERS})[ \t]*+[:=][ \t]*+(?:(?:bearer|basic)[ \t]++)?)"""
    r"""(?P<value>[^\s"'][^\r\n"']*+)""",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"(?P<head>(?<![A-Za-z0-9_])(?:refresh_?token|access_?token|id_?token|api_?key|client_?secret|device_?code"
    r"|code_?verifier)[ \t]*+[=:][ \t]*+)(?P<value>[^\s\"'&,;}\]]++)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<head>\bbearer[ \t]++)(?P<value>[A-Za-z0-9._~+/=-]{16,}+)", re.IGNORECASE)
# A marker, a percent escape, the escape of a JSON string and a terminal's colour pass untouched, because each ends in
# what a token may begin with; what is left are whole runs of token characters.
_RUN = re.compile(
    r"«redacted:[0-9a-f]{8}»|%[0-9A-Fa-f]{2}"
    r"|(?:\x1b|\\u001[Bb]|\\x1[Bb])\[[0-9;]{0,16}+[A-Za-z]|\\(?:u[0-9A-Fa-f]{4}|[bfnrt])"
    r"|[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)*+"
)
# Most texts hold none of these words, and looking for a word is a hundred times faster than for a pattern.
_STEMS = ("refresh", "access", "token", "key", "secret", "code", "authorization")
_PATTERNS = (
    (_QUOTED, _STEMS),
    (_ESCAPED, _STEMS),
    (_HEADER, ("authorization", "api-key")),
    (_FORM, ("token", "key", "secret", "code")),
    (_BEARER, ("bearer",)),
)
_SHAPE = re.compile(r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{8}|AIza[A-Za-z0-9_-]{10})")


def marker(secret: str) -> str:
    """What stands in place of a secret."""
    return f"«redacted:{sha256(secret.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}»"


def redact(text: str, secrets: Collection[str] = (), paths: Mapping[str, str] | None = None) -> str:
    """Return `text` without secrets, and with each absolute path of `paths` replaced by its name.

    Known secrets shorter than 4 characters are ignored. Give paths names such as "~" or "<home>", which begin
    with a character that no token contains.
    """
    text = hide(text, secrets)
    lowered = text.lower()
    for pattern, words in _PATTERNS:
        if any(word in lowered for word in words):
            text = pattern.sub(_replace_value, text)
    if any(start in text for start in ("sk-", "AIza", "eyJ")):
        text = _RUN.sub(_replace_shape, text)
    return _replace_paths(text, paths or {})


def redact_json(value: Any, secrets: Collection[str] = (), paths: Mapping[str, str] | None = None) -> Any:
    """The same for parsed JSON: every text in it, and whatever text stands under a secret's key."""
    # Keys and many values come again and again in one document.
    return _cleaned(value, lru_cache(maxsize=1024)(partial(redact, secrets=secrets, paths=paths)))


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_cleaned(key, clean): _entry(key, item, clean) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item, clean) for item in value]
    return value


def _entry(key: Any, value: Any, clean: Callable[[str], str]) -> Any:
    named = isinstance(key, str) and _SECRET_KEY.fullmatch(key)
    if named and isinstance(value, str) and value:
        return value if _MARKER.fullmatch(value) else marker(value)
    return _cleaned(value, clean)


def held(text: str, secrets: Collection[str]) -> list[str]:
    """Those of the secrets that stand in the text, in whatever form."""
    joined = re.sub(_LINE_BREAK, "", text)
    known = [secret for secret in sorted(secrets) if len(secret) >= SHORTEST_SECRET]
    return [secret for secret in known if any(form in text for form in written(secret)) or secret in joined]


def hide(text: str, secrets: Collection[str]) -> str:
    """Each of these secrets is a marker, in whatever form it stands there."""
    patterns: dict[str, str] = {}
    for secret in held(text, secrets):
        broken = f"(?:{_LINE_BREAK})?".join(map(re.escape, secret))
        for one in (broken, *(re.escape(form) for form in written(secret) - {secret} if form in text)):
            patterns.setdefault(one, marker(secret))
    if not patterns:
        return text
    longest_first = sorted(patterns, key=len, reverse=True)
    pattern = re.compile("|".join(f"({one})" for one in longest_first))
    return _between_markers(pattern, [patterns[one] for one in longest_first], text)


@lru_cache(maxsize=1024)
def written(secret: str) -> frozenset[str]:
    """A secret as it is, as JSON, a URL and a form write it, and its bytes in hexadecimal and base64."""
    escaped = json.dumps(secret)[1:-1]
    every = "".join(f"\\u{ord(char):04x}" for char in secret)  # what lies beyond U+FFFF is two in JSON: not found so
    forms = {secret, json.dumps(secret, ensure_ascii=False)[1:-1], escaped, escaped.replace("/", "\\/"), every}
    quoted = {_quoted(secret), _quoted(secret, plus=True)}
    forms |= quoted | {re.sub("%..", lambda found: found[0].lower(), form) for form in quoted}
    if len(secret) >= _SHORTEST_ENCODED:
        forms |= set(_encoded(secret.encode("utf-8", "surrogatepass")))
    return frozenset(form for form in forms if len(form) >= SHORTEST_SECRET)


def _encoded(data: bytes) -> Iterator[str]:
    """Of base64 the characters that belong to these bytes alone, at each of the three offsets that they may have."""
    yield from (data.hex(), data.hex().upper(), "".join(f"%{byte:02X}" for byte in data))
    for before, first in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(data)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(before) + data)[first:whole].decode()


def _between_markers(pattern: re.Pattern[str], markers: list[str], text: str) -> str:
    """A secret may be spelled like a part of a marker ("redacted"), so markers are stepped over."""
    parts, position = [], 0
    for kept in _MARKER.finditer(text):
        parts.append(pattern.sub(lambda found: markers[(found.lastindex or 1) - 1], text[position : kept.start()]))
        parts.append(kept[0])
        position = kept.end()
    parts.append(pattern.sub(lambda found: markers[(found.lastindex or 1) - 1], text[position:]))
    return "".join(parts)


def _quoted(secret: str, *, plus: bool = False) -> str:
    return (quote_plus if plus else quote)(secret, safe="", errors="surrogatepass")


def _replace_value(found: re.Match[str]) -> str:
    groups = found.groupdict()
    value = groups.get("value") or groups.get("double") or groups.get("single") or ""
    if _MARKER.fullmatch(value):
        return found[0]
    return found[0][: len(found[0]) - len(value)] + marker(value)


def _replace_shape(found: re.Match[str]) -> str:
    run = found[0]
    if run[0] in "«%\\\x1b":
        return run
    starts = [match.start() for match in (_SHAPE.search(run),) if match]
    token = run.find("eyJ")
    if token >= 0 and run.count(".", token) >= 2:
        starts.append(token)
    return run[: min(starts)] + marker(run[min(starts) :]) if starts else run


def _replace_paths(text: str, paths: Mapping[str, str]) -> str:
    """Longest first, and only whole components: "/tmp/x/home" is not a part of "/tmp/x/home2"."""
    names = {path.rstrip("/"): name for path, name in paths.items() if path.rstrip("/")}
    if not names:
        return text
    longest_first = "|".join(re.escape(path) for path in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"(?:{longest_first})(?![A-Za-z0-9_-]|\.[A-Za-z0-9])")
    return pattern.sub(lambda found: names[found[0]], text)
