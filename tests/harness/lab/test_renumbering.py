"""Records of a dead process name another, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.lab.renumbering import LONGEST, renumber


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"4711\n", b"23\n"),
        (b'{"pid": 4711, "since": 4711.25}', b'{"pid": 23, "since": 4711.25}'),
        (b"r-4711 14711 4711a", b"r-23 14711 4711a"),
        (b"4711\0", b"4711\0"),  # no text
        (b"4711" + b" " * LONGEST, b"4711" + b" " * LONGEST),
    ],
)
def test_a_pid_that_stands_by_itself_is_replaced(tmp_path: Path, text: bytes, expected: bytes) -> None:
    record, link = tmp_path / "gateway.lock", tmp_path / "link"
    record.write_bytes(text)
    link.symlink_to(record)
    assert renumber(tmp_path, 4711, 23) == (text != expected)
    assert record.read_bytes() == expected
    assert link.is_symlink()
