"""The stand-alone journal: every record is one line of JSON, whatever its strings hold, and a full disk is told."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from fakes.events import ConnectionRefusedHost, ReplyHeld, RequestReceived, TokenAnswered
from fakes.lines import Lines

RECORDS = (
    ReplyHeld(exchange=1, gate='a "quoted" %s\n gate ü'),
    TokenAnswered(exchange=2, status=200, decision="minted", family="f", generation=None),
    ConnectionRefusedHost(host="example.com", port=443),
    RequestReceived(
        exchange=1,
        provider="codex",
        model="m%d",
        method="POST",
        path="/v1/responses",
        marker="1",
        turn_step=1,
        rule="true",
        stream=True,
        bytes=1,
        peer_port=1,
    ),
)


@pytest.mark.parametrize("named", [False, True])
def test_lines_are_the_records(tmp_path, named):
    path = tmp_path / "journal.jsonl" if named else None

    async def run() -> list[dict]:
        lines = Lines(path, on_failure=pytest.fail)
        for record in RECORDS:
            lines.record(record)
        text = lines.text()
        lines.close()
        assert path is None or path.read_bytes() == text
        return [json.loads(line) for line in text.splitlines()]

    found = asyncio.run(run())
    for line, record in zip(found, RECORDS, strict=True):
        assert line.pop("event") == type(record).__name__
        assert line.pop("at") > 0
        assert line == json.loads(json.dumps(asdict(record)))


def test_a_lone_surrogate_does_not_stop_the_journal():
    async def run() -> bytes:
        lines = Lines(None, on_failure=pytest.fail)
        lines.record(ReplyHeld(exchange=1, gate="\ud800"))
        return lines.text()

    assert json.loads(asyncio.run(run()))["gate"] == "?"


def test_a_full_disk_is_told_once_and_does_not_raise():
    failures: list[OSError] = []

    async def run() -> None:
        lines = Lines(Path("/dev/full"), failures.append)
        lines.record(RECORDS[0])
        lines.close()

    asyncio.run(run())
    assert [failure.strerror for failure in failures] == ["No space left on device"]


def test_a_journal_that_lost_its_name_can_still_be_read(tmp_path):
    path = tmp_path / "journal.jsonl"

    async def run() -> bytes:
        lines = Lines(path, on_failure=pytest.fail)
        lines.record(RECORDS[0])
        path.unlink()
        return lines.text()

    assert json.loads(asyncio.run(run()))["event"] == type(RECORDS[0]).__name__


def test_a_journal_in_a_pipe_cannot_be_read_back():
    reading, writing = os.pipe()

    async def run() -> None:
        lines = Lines(Path(f"/proc/self/fd/{writing}"), on_failure=pytest.fail)
        lines.record(RECORDS[0])
        with pytest.raises(OSError, match="regular file"):
            lines.text()
        lines.close()

    asyncio.run(run())
    os.close(writing)
    with os.fdopen(reading) as written:
        assert json.loads(written.read())["event"] == type(RECORDS[0]).__name__
