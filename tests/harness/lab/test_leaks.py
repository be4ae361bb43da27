"""Files that others may read and that hold a token, looked for again and again while they change."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.contents import contents
from harness.lab import leaks as leaks_module
from harness.lab.leaks import Leaks

TOKEN = "rt-0123456789abcdef"


def test_a_file_that_has_changed_since_the_last_look_is_looked_at_again(tmp_path: Path) -> None:
    """Of the same size, and within a tick of the clock that stamps files: as a token is written over another text."""
    leaks, path = Leaks(tmp_path), tmp_path / "store"
    for _ in range(200):
        path.write_text("x" * len(TOKEN))
        assert list(leaks.exposed(tmp_path, {TOKEN})) == []
        path.write_text(TOKEN)
        assert list(leaks.exposed(tmp_path, {TOKEN})) == [(path, path.stat().st_mode & 0o777)]


def test_what_was_harmless_is_not_once_it_is_open_to_others_or_another_token_is_known(tmp_path: Path) -> None:
    leaks, path = Leaks(tmp_path), tmp_path / "store"
    path.write_text(TOKEN)
    path.chmod(0o600)
    assert list(leaks.exposed(tmp_path, {TOKEN})) == []
    path.chmod(0o644)
    assert list(leaks.exposed(tmp_path, set())) == []
    assert list(leaks.exposed(tmp_path, {TOKEN})) == [(path, 0o644)]


def test_a_file_that_has_not_changed_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as its last change lies back further than the clock's tick."""
    read: list[Path] = []
    monkeypatch.setattr(leaks_module, "contents", lambda path, **_: read.append(path) or contents(path))
    leaks, path = Leaks(tmp_path), tmp_path / "log"
    path.write_text("nothing")
    while time.time_ns() - path.stat().st_ctime_ns < 100_000_000:
        time.sleep(0.01)
    for _ in range(3):
        assert list(leaks.exposed(tmp_path, {TOKEN})) == []
    assert read == [path]
