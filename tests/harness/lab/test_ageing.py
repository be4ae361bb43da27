"""What looks older is what says how long somebody has had something, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.lab.ageing import age, older

NOW, HOUR = 1_790_000_000.0, 3600.0  # 2026-09-21T14:13:20Z
DAY = 86400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"at": 1790000000}', b'{"at": 1789996400}'),
        (b'{"at": 1789999990.25}', b'{"at": 1789996390.25}'),
        (b'{"createdAt":1790000000123}', b'{"createdAt":1789996400123}'),
        (b"1790000000123456789\n", b"1789996400123456789\n"),
        (b'"2026-09-21T14:13:20.123Z"', b'"2026-09-21T13:13:20.123Z"'),
        (b"2026-09-21 16:13:20+02:00", b"2026-09-21 15:13:20+02:00"),
        (b"2026-13-21T14:13:20Z", b"2026-13-21T14:13:20Z"),  # no month
        (b"2020-09-21T14:13:20Z", b"2020-09-21T14:13:20Z"),  # not of now
        (b'{"pid": 1234567, "start": 1790000}', b'{"pid": 1234567, "start": 1790000}'),
        (b'{"expires": 1790003600}', b'{"expires": 1790003600}'),  # when it will be over, not since when
        (b"r-1790000000ab v1.1790000000 17900000001", b"r-1790000000ab v1.1790000000 17900000001"),
    ],
)
def test_times_of_about_now_are_earlier(text: bytes, expected: bytes) -> None:
    assert older(text, HOUR, now=NOW) == expected


@pytest.mark.parametrize("text", [b'{"until": %d}', b'"2026-09-26T14:13:20Z"'])
def test_until_when_something_is_asked_for_comes_nearer_where_every_time_counts(text: bytes) -> None:
    until = text % (int(NOW) + 5 * DAY) if b"%" in text else text
    earlier = text % (int(NOW) + 3 * DAY) if b"%" in text else text.replace(b"26T", b"24T")
    assert older(until, 2 * DAY, now=NOW) == until
    assert older(until, 2 * DAY, now=NOW, ahead=30 * DAY) == earlier


def test_what_comes_from_a_clock_that_was_ahead_is_younger() -> None:
    assert older(b'{"since": 1790000000.5}', -HOUR, now=NOW) == b'{"since": 1790003600.5}'


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("config.lock", '{"at": %d}', True),
        ("lease", "%d", True),
        ("holder", '{"pid": 4711, "at": %d}', True),
        ("holder", '{"pid": 4712, "at": %d}', False),  # nobody's of this run
        ("cooldowns.json", '{"since": %d}', False),
        ("binary.lock", "\0%d", False),
        ("long.lock", " " * 4096 + "%d", False),
    ],
)
def test_records_of_holders_are_rewritten_in_place(tmp_path: Path, name: str, text: str, changed: bool) -> None:
    now = int(time.time())
    path = tmp_path / name
    path.write_text(text % now, encoding="utf-8")
    before = path.stat()
    age(path, HOUR, {4711})
    after = path.stat()
    assert path.read_text(encoding="utf-8") == text % (now - HOUR if changed else now)
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
    assert after.st_mtime == pytest.approx(before.st_mtime - HOUR, abs=0.01)


def test_every_record_but_what_is_no_text_can_be_asked_for(tmp_path: Path) -> None:
    now = int(time.time())
    for name, text, changed in (("cooldowns.json", '{"until": %d}', True), ("binary", "\0%d", False)):
        (tmp_path / name).write_text(text % now, encoding="utf-8")
        age(tmp_path / name, HOUR, None)
        assert (tmp_path / name).read_text(encoding="utf-8") == text % (now - HOUR if changed else now)


def test_what_has_gone_and_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    age(tmp_path / "gone.lock", HOUR, ())
    os.mkfifo(tmp_path / "pipe.lock")
    age(tmp_path / "pipe.lock", HOUR, ())  # nobody would ever write to it
    assert (tmp_path / "pipe.lock").stat().st_mtime < time.time() - HOUR + 60
