"""Reports reach the disk whole or not at all, and nothing else in the folder is touched."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from reports import html, markdown, writer
from reports import record as schema
from reports.errors import ReportError
from reports.record import Record, Result

NAMES = ["record.json", "report.html", "report.md"]


def test_three_files_in_a_folder_that_is_made(tmp_path: Path, violated: Record) -> None:
    folder = tmp_path / "out" / "latest"
    paths = writer.write(violated, folder)
    assert paths == (folder / "record.json", folder / "report.md", folder / "report.html")
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    assert schema.load(paths[0]) == violated or schema.load(paths[0]).dumps() == violated.dumps()
    assert paths[1].read_text(encoding="utf-8") == markdown.render(violated)
    assert paths[2].read_text(encoding="utf-8") == html.render(violated)


def test_old_reports_are_replaced_and_other_files_are_left(
    tmp_path: Path, violated: Record, new_record: Callable[..., Record]
) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    writer.write(violated, tmp_path)
    before = (tmp_path / "record.json").stat().st_ino
    writer.write(new_record(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", *NAMES]
    assert (tmp_path / "record.json").stat().st_ino != before  # renamed over, never truncated
    assert schema.load(tmp_path / "record.json").results == ()
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_files_are_as_readable_as_the_umask_allows(tmp_path: Path, violated: Record) -> None:
    old = os.umask(0o027)
    try:
        paths = writer.write(violated, tmp_path)
    finally:
        os.umask(old)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o640}


def test_a_lone_surrogate_survives_the_record(tmp_path: Path, new_record: Callable[..., Record], attack: str) -> None:
    record = new_record(notes=(attack,))
    writer.write(record, tmp_path)
    assert schema.load(tmp_path / "record.json") == record
    assert "\\\\ud800" not in (tmp_path / "record.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("hidden", ["\u202egnirts\u202c", "\u200b", "\x7f", "\x9b31m", "\U000e0041", "\ufeff"])
def test_nothing_in_the_record_hides_or_turns_what_is_read(
    tmp_path: Path, new_record: Callable[..., Record], hidden: str
) -> None:
    record = new_record(notes=(f"a{hidden}ä🙂",))
    writer.write(record, tmp_path)
    text = (tmp_path / "record.json").read_text(encoding="utf-8")
    assert "ä🙂" in text
    assert not set(hidden) - set("gnirts31m") & set(text)
    assert schema.load(tmp_path / "record.json") == record


def test_hostile_text_is_written(tmp_path: Path, attacked: Record) -> None:
    for path in writer.write(attacked, tmp_path):
        assert path.read_text(encoding="utf-8")


@pytest.mark.parametrize("blocked", ["file/out", "file"])
def test_a_file_where_the_folder_should_be(tmp_path: Path, violated: Record, blocked: str) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(ReportError) as caught:
        writer.write(violated, tmp_path / blocked)
    assert "cannot be written" in caught.value.message
    assert "choose another" in caught.value.hint
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_a_folder_in_the_place_of_a_report(tmp_path: Path, violated: Record) -> None:
    (tmp_path / "report.md").mkdir()
    with pytest.raises(ReportError, match=r"report\.md"):
        writer.write(violated, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "record.json",
        "report.md",
    ]  # no temporary is left


def test_a_write_that_fails_leaves_the_old_report_whole(
    tmp_path: Path, violated: Record, new_record: Callable[..., Record]
) -> None:
    writer.write(new_record(), tmp_path)
    old = (tmp_path / "record.json").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # the kernel refuses with EFBIG, as with ENOSPC
    try:
        with pytest.raises(ReportError, match="File too large"):
            writer.write(violated, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "record.json").read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES


def test_a_read_only_file_system_is_named(violated: Record) -> None:
    """/proc refuses new folders even to root, as no chmod does."""
    with pytest.raises(ReportError) as caught:
        writer.write(violated, Path("/proc/pileup"))
    assert "/proc/pileup" in str(caught.value)


def test_the_record_is_kept_when_a_rendering_fails(
    tmp_path: Path, new_record: Callable[..., Record], new_result: Callable[..., Result]
) -> None:
    broken = new_record(new_result(seconds="fast"))  # a type that no rendering can format
    with pytest.raises((TypeError, ValueError)):
        writer.write(broken, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["record.json"]
