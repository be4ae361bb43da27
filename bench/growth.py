"""Does the stand-alone server grow? Odd and malformed requests by the hundred thousand, then memory and descriptors.

Redemptions that are granted are not among them: the server keeps every token that it has issued, on purpose.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from rich.table import Table

from bench.load import Tally, drive
from bench.results import OURS, Results, Row
from bench.rounds import BenchError, Say

REQUESTS = 100_000
_WARM = 10_000  # caches fill and the allocator settles
_CONNECTIONS = 16
_SPARE = 16  # descriptors that a server without a connection may have
_PATIENCE = 5.0  # seconds
_MEGABYTE = 1024.0


def run(*, rounds: int, say: Say, count: int = REQUESTS, warm: int = _WARM) -> Results:
    """Send the requests and measure. Raises BenchError for an answer of 500 or more, or a complaint on stderr."""
    del rounds
    with TemporaryDirectory(prefix="bench-growth-") as folder:
        command = [sys.executable, "-m", "fakes", "--journal", str(Path(folder, "journal.jsonl"))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                before, after, tally = _measured(process, count, warm, say)
            finally:
                process.terminate()
                complaints = process.communicate()[1]
    if complaints:
        raise BenchError(f"the server complained: {complaints[-2000:]}")
    if bad := [status for status in tally.statuses if status >= 500]:
        raise BenchError(f"the server answered {bad[0]} to {tally.statuses[bad[0]]} requests")
    return _results(before, after, tally)


def _measured(
    process: subprocess.Popen[str], count: int, warm: int, say: Say
) -> tuple[tuple[float, int], tuple[float, int], Tally]:
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    _drive(port, warm)
    before = _size(process.pid, _SPARE)
    say(f"after {warm} requests: {before[0]:.1f} MB, {before[1]} descriptors; {count} more")
    tally = _drive(port, count)
    return before, _size(process.pid, before[1]), tally


def _drive(port: int, count: int) -> Tally:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(drive("127.0.0.1", port, _requests(), connections=_CONNECTIONS, count=count))


def _size(pid: int, most: int) -> tuple[float, int]:
    """Resident memory in megabytes, and open descriptors: once it has at most so many, or does not come to that.

    The client has left; that its connections are over, the server learns a moment later.
    """
    patience = time.monotonic() + _PATIENCE
    while len(list(Path(f"/proc/{pid}/fd").iterdir())) > most and time.monotonic() < patience:
        time.sleep(0.01)
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    resident = int(status.partition("VmRSS:")[2].split()[0])
    return resident / _MEGABYTE, len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _results(before: tuple[float, int], after: tuple[float, int], tally: Tally) -> Results:
    counts = (
        Row(measure="requests", arm=OURS, value=sum(tally.statuses.values()), unit="count"),
        Row(measure="memory before", arm=OURS, value=round(before[0], 1), unit="MB"),
        Row(measure="memory growth", arm=OURS, value=round(after[0] - before[0], 2), unit="MB"),
        Row(measure="descriptors before", arm=OURS, value=before[1], unit="count"),
        Row(measure="descriptor growth", arm=OURS, value=after[1] - before[1], unit="count"),
    )
    table = Table("measure", "value", "unit", title="bench growth", title_justify="left")
    for row in counts:
        table.add_row(row.measure, f"{row.value:g}", row.unit)
    answers = ", ".join(f"{status}: {number}" for status, number in sorted(tally.statuses.items()))
    return Results(name="growth", times=(), ratios=(), versions={}, counts=counts, table=table, notes=(answers,))


def _requests() -> list[bytes]:
    message = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
    stream = message[:-1] + b',"stream":true}'
    refresh = b'{"grant_type":"refresh_token","refresh_token":"nonsense","client_id":"x"}'
    authorize = b"client_id=app_EMoamEEZ73f0CkXaXp7hrann&redirect_uri=http://127.0.0.1:1/&response_type=code"
    challenge = b"&code_challenge_method=S256&code_challenge=" + b"a" * 43
    return [
        _post(b"/v1/messages", message),
        _post(b"/v1/messages", stream),
        _post(b"/v1/chat/completions", message),
        _post(b"/v1/messages", b"[" * 2000),
        _post(b"/v1/messages", b"\x1f\x8bnot gzip", b"content-encoding: gzip\r\n"),
        _post(b"/oauth/token", refresh),
        _post(b"/oauth/token", b"grant_type=refresh_token&refresh_token=%FF&client_id=%ZZ"),
        _post(b"/device/code", b"client_id=app_EMoamEEZ73f0CkXaXp7hrann"),
        _post(b"/introspect", b"token=nonsense"),
        b"GET /oauth/authorize?" + authorize + challenge + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /oauth/authorize?" + authorize + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"DELETE /oauth/token HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n",
        b"this is not HTTP\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ]


def _post(path: bytes, body: bytes, headers: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n%b" % (path, headers, len(body), body)
