"""Whether processes can get no further: by what they did themselves, however busy the machine is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.conductor import operands
from harness.processes import quiet, stat
from harness.processes.quiet import Quiet, Tickers

PATIENCE = 30.0


@contextmanager
def running(code: str) -> Iterator[int]:
    """A Python program that has said that it is there."""
    argv = [sys.executable, "-S", "-E", "-c", f"print(flush=True)\n{code}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


def until(what: Quiet, pid: int, *, lasts: float | None = None) -> float:
    """Seconds until it is quiet, or has lasted for so long."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        if what.look([pid]) if lasts is None else (what.look([pid]), what.lasts(lasts, [pid]))[1]:
            return time.monotonic() - began
        time.sleep(0.005)
    pytest.fail("never")


def test_a_long_sleep_is_quiet() -> None:
    with running("import time; time.sleep(60)") as pid:
        assert until(Quiet(operands.read_memory), pid) < quiet._SOON


def test_short_sleeps_are_waited_for_and_not_for_ever() -> None:
    with running("import time\nwhile True: time.sleep(0.05)") as pid:
        found = Quiet(operands.read_memory)
        until(found, pid)
        assert found._dozed > quiet._SOON


def test_who_wakes_up_all_the_time_and_does_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it makes a call: what it slept for may have come."""
    monkeypatch.setattr(quiet, "_SOON", 0.1)
    tickers = Tickers()

    def waited(pid: int) -> bool:
        found = Quiet(operands.read_memory, tickers)
        until(found, pid)
        return found._dozed > 0

    with running("import time\nwhile True: time.sleep(0.05)") as pid:
        before = [waited(pid) for _ in range(quiet._IN_VAIN + 1)]
        tickers.stops(pid)
        assert (before, waited(pid)) == ([*[True] * quiet._IN_VAIN, False], True)


def test_who_waits_for_the_exec_of_its_child_is_quiet_with_it(tmp_path: Path) -> None:
    """posix_spawn(3) lends its memory to a child that opens a pipe first, which nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    actions = f"[(os.POSIX_SPAWN_OPEN, 0, {str(tmp_path / 'pipe')!r}, os.O_RDONLY, 0)]"
    with running(f"import os; os.posix_spawn('/bin/true', ['true'], {{}}, file_actions={actions})") as pid:
        found = Quiet(operands.read_memory)
        until(found, pid)
        assert stat.fields(pid)[0] == "D"
        os.close(os.open(tmp_path / "pipe", os.O_WRONLY))


@pytest.mark.parametrize(
    ("call", "memory", "lends"),
    [
        ("58 0x0 0x0", 0, True),
        ("56 0x4111 0x0", 0, True),
        ("56 0x1200011 0x0", 0, False),  # fork(3), while its libraries' mappings are locked by others
        ("435 0x7ffe0000 0x58", 0x4100, True),
        ("435 0x7ffe0000 0x58", 0x3D0F00, False),  # a thread
        ("257 0xffffff9c 0x7f00", 0, False),
        ("running", 0, False),
    ],
)
def test_only_who_lends_its_memory_waits_for_its_child(call: str, memory: int, lends: bool) -> None:
    assert quiet._borrows(1, call.split(), lambda *_: memory.to_bytes(8, "little")) is lends


def test_what_works_is_not_quiet_and_lasts() -> None:
    with running("while True: pass") as pid:
        found = Quiet(operands.read_memory)
        assert not any(found.look([pid]) for _ in range(20))
        assert until(found, pid, lasts=0.3) > 0


def test_what_sleeps_and_wakes_lasts_too() -> None:
    with running("import time\nwhile True: time.sleep(0.01)") as pid:
        assert until(Quiet(operands.read_memory), pid, lasts=0.3) >= 0.3


def test_waiting_for_a_processor_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine so busy that a program, always ready to run, gets a tenth of a processor."""
    clock, worked = [100.0], [5.0]
    monkeypatch.setattr(quiet.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(quiet, "_read", lambda pids, read, stopped: None)
    monkeypatch.setattr(quiet, "_worked", lambda pids: worked[0])
    found = Quiet(operands.read_memory)
    for second in range(1, 101):
        clock[0] += 1.0
        worked[0] += 0.1
        assert not found.look([1])
        assert found.lasts(5.0, [1]) is (second > 51)  # the first look is the measure of the others


def test_a_doze_that_begins_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may take long to come to its first short sleep, on a busy machine the longer."""
    clock, asleep = [0.0], [False]
    monkeypatch.setattr(quiet.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(quiet, "_read", lambda pids, read, stopped: frozenset({("1", "same")}) if asleep[0] else None)
    monkeypatch.setattr(quiet, "_worked", lambda pids: 0.0)
    monkeypatch.setattr(quiet, "dozes", lambda thread, within, read: within >= 0.4)
    found = Quiet(operands.read_memory)
    for _ in range(50):
        clock[0] += 0.2
        assert not found.look([1])
    asleep[0] = True
    looks = 0
    while not found.look([1]):
        clock[0] += 0.2
        looks += 1
    assert quiet._SOON < looks * 0.2 < 2 * quiet._SOON


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import time\nwhile True: time.sleep(0.005)", True),
        ("import time\nwhile True: time.sleep(0.002); sum(range(300_000))", False),
        ("import time\nwhile True: time.sleep(0.5)", False),
    ],
    ids=["looks", "works", "sleeps"],
)
def test_who_wakes_up_only_to_look_naps(code: str, expected: bool) -> None:
    with running(code) as pid:
        found, end = Quiet(operands.read_memory), time.monotonic() + (PATIENCE if expected else 1.5)
        while not (naps := found.naps([pid])) and time.monotonic() < end:
            found.look([pid])
            time.sleep(0.005)
        assert naps == expected


def test_who_is_woken_up_by_others_does_not_nap() -> None:
    """As one is at each call that the supervisor answers: it sleeps for most of the time, and not until a timer."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        found, end = Quiet(operands.read_memory), time.monotonic() + 1.0
        while time.monotonic() < end:
            os.write(process.stdin.fileno(), b"x")
            time.sleep(0.005)
            found.look([process.pid])
            assert not found.naps([process.pid])
        assert found.slept > quiet._AWHILE
