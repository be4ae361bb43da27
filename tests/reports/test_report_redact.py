"""Secrets never pass, equal secrets stay recognisable, twice is once, and time is linear."""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.redact import held, redact, redact_json

TOKEN = "rt-f1-g0-9c3f/aa+57bd~21"
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine is shared

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsYW5lMSJ9.c2lnbmF0dXJlLWJ5dGVz"
KEYS = ("refresh_token", "refresh", "access_token", "access", "id_token", "apiKey")
PIECES = st.sampled_from([
    "Authorization: Bearer ", "x-api-key: ", "x-goog-api-key=", '"refresh_token": "', '"access":"',
    "refresh_token=",
    '\\"id_token\\":\\"', JWT, "eyJ", "sk-ant-api03-abcdefgh", "sk-", "AIzaSyA1234567890abcdef",
    "rt-family-0001", "\\n", "\\u001b[31m", "\x1b[31m",
    '"', "'", "\\", "&", "\n", " ", ".", ",", "%22", "«", "»", "«redacted:0123abcd»", "tops3cret", "a+/b=c",
    "/tmp/x/home", "/tmp/x", "/tmp/x/home2", "word", "é", "\ud800",
])  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)
SECRETS = st.lists(st.sampled_from(["tops3cret", "a+/b=c", "word", "redacted", JWT]), unique=True, max_size=4)
PATHS = {"/tmp/x/home": "~", "/tmp/x": "<lab>"}


def marked(secret: str) -> str:
    return f"«redacted:{sha256(secret.encode()).hexdigest()[:8]}»"


@UNTIMED
@given(TEXTS, SECRETS)
def test_twice_is_once(text: str, secrets: list[str]) -> None:
    once = redact(text, secrets, PATHS)
    assert redact(once, secrets, PATHS) == once


@UNTIMED
@given(
    st.text(max_size=20),
    st.text(min_size=4, max_size=20).filter(lambda text: "«" not in text),
    st.text(max_size=20),
)
def test_a_known_secret_never_passes(before: str, secret: str, after: str) -> None:
    shown = redact(before + secret + after, [secret])
    assert secret not in re.sub(r"«redacted:[0-9a-f]{8}»", "«»", shown)
    assert "«redacted:" in shown


@UNTIMED
@given(TEXTS)
def test_text_without_secrets_is_left_alone(text: str) -> None:
    harmless = re.sub(r"[^a-z \n]", "", text.replace("bearer", "").replace("Bearer", ""))
    assert redact(harmless) == harmless


@pytest.mark.parametrize("secret", ["a+/b=c d", 'quo"te', "tab\tbed", "ümlaut", "per%cent"])
def test_a_known_secret_in_its_written_forms(secret: str) -> None:
    written = f"{json.dumps(secret)} {quote_plus(secret)} {urlencode({'q': secret})} {secret}"
    shown = redact(written, [secret])
    assert shown == f'"{marked(secret)}" {marked(secret)} q={marked(secret)} {marked(secret)}'


WRITTEN = {
    "hexadecimal": TOKEN.encode().hex(),
    "a URL with every byte escaped": "".join(f"%{byte:02X}" for byte in TOKEN.encode()),
    "a URL in lower case": quote_plus(TOKEN).replace("%2B", "%2b").replace("%2F", "%2f"),
    "JSON with every letter escaped": "".join(f"\\u{ord(char):04x}" for char in TOKEN),
    "JSON of PHP": TOKEN.replace("/", "\\/"),
    "two lines": TOKEN[:9] + "\n" + TOKEN[9:],
    "a wrapped and indented box": "\r\n    ".join(TOKEN[at : at + 5] for at in range(0, len(TOKEN), 5)),
    **{f"base64 behind {n}": b64encode(b"user:"[:n] + TOKEN.encode() + b"!").decode() for n in range(6)},
    **{f"base64 for URLs behind {n}": urlsafe_b64encode(b"~~~"[:n] + TOKEN.encode()).decode() for n in range(3)},
}


@pytest.mark.parametrize("form", WRITTEN)
def test_an_encoded_secret_is_found_and_does_not_pass(form: str) -> None:
    """Of base64 at most what tells of two characters is left, where they share one with their neighbour."""
    text = f"before {WRITTEN[form]} after"
    assert held(text, ["another-one", TOKEN]) == [TOKEN]
    shown = redact(text, ["another-one", TOKEN])
    assert marked(TOKEN) in shown
    assert len(shown.replace(marked(TOKEN), "")) <= len("before  after") + 16
    assert held(shown, [TOKEN]) == []


def test_what_only_looks_like_a_part_of_a_secret_stays() -> None:
    assert held(f"{TOKEN[:-1]} {TOKEN[1:]}\n{TOKEN[:-2]}\n", [TOKEN]) == []


def test_the_longest_known_secret_wins() -> None:
    assert redact("abcdefgh", ["abcd", "abcdefgh"]) == marked("abcdefgh")


def test_short_and_empty_secrets_are_ignored() -> None:
    assert redact("a cat sat", ["", "a", "cat"]) == "a cat sat"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer §", "abc"),
        ("authorization: §", "opaque-token"),
        ("AUTHORIZATION:Basic §", "dXNlcjpwYXNz"),
        ("proxy-authorization: §", "x1"),
        ("x-api-key: §", "k1"),
        ("X-Goog-Api-Key: §", "k2"),
        ("curl -H 'x-api-key: §' http://127.0.0.1", "k3"),
        ("{'authorization': '§'}", "Bearer abc"),
        ("[(b'authorization', b'§')]", "Token-1"),
        ("bearer §", "0123456789abcdef"),
        ("key § end", "sk-proj-12345678"),
        ("key § end", "sk-ant-api03-abcdefgh"),
        ("url?key=§&x=1", "AIzaSyA1234567890abcdef"),
        ("%22§%22", "sk-proj-12345678"),
        ("jwt=§;", JWT),
        ("\x1b[31m§\x1b[0m", "sk-ant-api03-abcdefgh"),
        ("\x1b[1;38;5;9m§", JWT),
        (r"\u001b[31m§\u001b[0m", "sk-ant-api03-abcdefgh"),
        (r'{"message": "refused:\n§\n"}', "sk-ant-api03-abcdefgh"),
        (r'{"message": "refused:\t§"}', "AIzaSyA1234567890abcdef"),
        (r"\u0022§\u0022", "sk-proj-12345678"),
        ("§.", JWT),
        ('say "§"', JWT),
        *[(f'{{"{key}": "§", "x": 1}}', "rt-lane1-0001") for key in KEYS],
        *[(f"'{key}':'§'", "v") for key in KEYS],
        *[(f'{{\\"{key}\\":\\"§\\"}}', "rt-1") for key in KEYS],
        ('{"refresh_token": "§"}', 'esc\\"aped'),
        ('{"refresh_token": "§', "unterminated"),
        ("grant_type=refresh_token&refresh_token=§&client_id=x", "rt-1"),
        ("access_token=§", "at-1"),
        ("client_secret=§ ", "cs"),
        ("refreshToken=§", "rt-2"),
    ],
)
def test_what_is_always_secret(text: str, secret: str) -> None:
    assert redact(text.replace("§", secret)) == text.replace("§", marked(secret))


@pytest.mark.parametrize(
    "text",
    [
        "a task-management-board",
        "risk-averse-planning",
        "sk-",
        "the refresh failed: access denied",
        "eyJ alone, eyJhbGci.only-two",
        '{"refresh": null, "access": 5, "expires_in": 3600}',
        "grant_type=refresh_token",
        "lane1.agents.json version 1.2.3",
        '{"refresh_token": ""}',
        "bearer of bad news",
        "",
    ],
)
def test_what_only_looks_like_it(text: str) -> None:
    assert redact(text) == text


def test_the_fingerprint_is_the_digest_that_the_fakes_record() -> None:
    assert redact("rt-0001", ["rt-0001"]) == f"«redacted:{sha256(b'rt-0001').hexdigest()[:8]}»"


def test_a_known_secret_within_a_longer_value_does_not_leave_the_rest() -> None:
    shown = redact('{"refresh_token": "abc-tops3cret-def"}', ["tops3cret"])
    assert "abc" not in shown
    assert "def" not in re.sub(r"«redacted:[0-9a-f]{8}»", "", shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/tmp/x/home", "~"),
        ("/tmp/x/home/.openclaw/a.json", "~/.openclaw/a.json"),
        ("/tmp/x/ws/lane1", "<lab>/ws/lane1"),
        ("/tmp/x/home2", "<lab>/home2"),
        ("/tmp/x2", "/tmp/x2"),
        ("/tmp/x-old /tmp/x.bak", "/tmp/x-old /tmp/x.bak"),
        ("HOME=/tmp/x/home.", "HOME=~."),
        ("file:///tmp/x/home", "file://~"),
        ("'/tmp/x/home','/tmp/x'", "'~','<lab>'"),
    ],
)
def test_paths_become_names_by_whole_components(text: str, shown: str) -> None:
    assert redact(text, paths=PATHS) == shown
    assert redact(text, paths={path + "/": name for path, name in PATHS.items()}) == shown


def test_the_root_is_no_path_to_replace() -> None:
    assert redact("a/b", paths={"/": "~", "": "x"}) == "a/b"


def test_json_is_redacted_by_key_and_by_text() -> None:
    document: dict[str, Any] = {
        "refresh": "rt-1",
        "apiKey": "short",
        "access": {"note": "tops3cret", "n": 1},
        "list": ["x-api-key: k1", None, 2.5, True, ("tops3cret",)],
        "tops3cret": "/tmp/x/home/a",
        "refresh_token": None,
        "id_token": "",
    }
    assert redact_json(document, ["tops3cret"], PATHS) == {
        "refresh": marked("rt-1"),
        "apiKey": marked("short"),
        "access": {"note": marked("tops3cret"), "n": 1},
        "list": [f"x-api-key: {marked('k1')}", None, 2.5, True, [marked("tops3cret")]],
        marked("tops3cret"): "~/a",
        "refresh_token": None,
        "id_token": "",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | TEXTS, inner, max_size=3),
    max_leaves=8,
)


@UNTIMED
@given(JSON, SECRETS)
def test_json_twice_is_once_and_stays_json(value: Any, secrets: list[str]) -> None:
    once = redact_json(value, secrets, PATHS)
    assert redact_json(once, secrets, PATHS) == once
    assert type(once) is type(value)
    json.dumps(once)


UNITS = (
    "\x1b[", "\x1b[3", "\\u001b[31m", "\\nsk-",
    "eyJ", "eyJa.", "sk-", "AIza", "sk-a.", "a", "%", "\\", '\\"refresh\\":\\"', '"refresh":"', "'access':'",
    "refresh_token=", "authorization:", "authorization: ", "bearer ", "bearer", "x-api-key", " ",
    '"', "«redacted:",
    "«redacted:0123abcd»", "/tmp/x", "/tmp/x/", "a-", "._-", '"refresh" ', "refresh_token ", '\\"refresh\\',
    '\\"refresh\\" ',
)  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_time_is_linear(unit: str) -> None:
    """Sixteen times the text takes about sixteen times as long; quadratic would be 256."""

    def seconds(length: int) -> float:
        text = ("sk- eyJ token access key bearer " + unit * length)[:length]  # so that no search is left out
        began = time.process_time()
        redact(text + "authorization api-key", ["secret-1", "secret-2"], PATHS)
        return time.process_time() - began

    small = min(seconds(16_384) for _ in range(3))
    assert seconds(16 * 16_384) < 100 * max(small, 0.002)
