"""Each wrong way to treat child work leaves behind what its rule forbids."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ["children_detached", "cancel_kills_shell_only", "background_unlisted", "cancel_kills_peers"]
BOUND = 20.0

BEAT = "while :; do echo beat >> beats; sleep 0.02; done"


class Bench:
    """Runs of a variant, and whatever they leave behind."""

    def __init__(self, ready: Any, until: Callable[..., Any]) -> None:
        self.program = ready
        self.until = until
        self.token = uuid.uuid4().hex

    def start(self, name: str, message: str, lane: str = "lane0") -> subprocess.Popen[bytes]:
        words = ["agent", "--local", "--json", "--agent", lane, "--message", message]
        env = self.program.env(RUN_TOKEN=self.token)
        process: subprocess.Popen[bytes] = self.program.start(*words, variant=name.replace("_", "-"), env=env)
        return process

    def beats(self, lane: str = "lane0") -> int:
        path = Path(self.program.work / lane / "beats")
        return path.stat().st_size if path.exists() else 0

    def advances(self, lane: str = "lane0") -> None:
        before = self.beats(lane)
        self.until(lambda: self.beats(lane) > before, "a beat")

    def alive(self) -> list[int]:
        names = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [int(name) for name in names if self._is_ours(name)]

    def _is_ours(self, pid: str) -> bool:
        try:
            return self.token.encode() in Path("/proc", pid, "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False


@pytest.fixture
def bench(ready: Any, provider: Any, until: Callable[..., Any]) -> Iterator[Bench]:
    ready.write_config({**ready.config(), "limits": {"graceSeconds": 0.5}})
    bench = Bench(ready, until)
    yield bench
    ready.kill_all()
    end = time.monotonic() + BOUND
    while left := bench.alive():
        assert time.monotonic() < end
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.mark.parametrize("name", NAMES)
def test_without_a_fault_it_works(bench: Bench, name: str) -> None:
    done = bench.program.finish(bench.start(name, "run: echo built"))
    assert done.status == 0
    assert "built" in done.json["text"]
    assert "exit status 0" in done.json["text"]
    assert bench.alive() == []


@pytest.mark.parametrize("name", NAMES)
def test_names_its_rules(name: str) -> None:
    module = importlib.import_module(f"reference.variants.{name}")
    assert all(rule.startswith("CHD-") for rule in module.BREAKS)
    assert module.__doc__


@pytest.mark.parametrize("name", ["children_detached", "cancel_kills_shell_only"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_run_leaves_children(bench: Bench, name: str, number: int) -> None:
    process = bench.start(name, f"run: sh -c '{BEAT}'; true")
    bench.advances()
    process.send_signal(number)
    done = bench.program.finish(process)
    assert done.status in (143, -9)
    bench.advances()  # CHD-1, CHD-2, CHD-3


@pytest.mark.parametrize("name", ["children_detached", "cancel_kills_shell_only"])
def test_finished_run_leaves_children(bench: Bench, name: str) -> None:
    message = f"run: ({BEAT}) & until [ -s beats ]; do sleep 0.01; done"
    assert bench.program.finish(bench.start(name, message)).status == 0
    bench.advances()


def test_background_unlisted(bench: Bench) -> None:
    assert bench.program.finish(bench.start("background_unlisted", f"background: {BEAT}")).status == 0
    bench.advances()
    assert bench.program.runs() == []


def test_cancel_kills_peers(bench: Bench) -> None:
    first = bench.start("cancel_kills_peers", f"run: {BEAT}", "lane0")
    second = bench.start("cancel_kills_peers", f"run: {BEAT}", "lane1")
    bench.advances("lane0")
    bench.advances("lane1")
    first.terminate()
    assert bench.program.finish(first).status == 143
    done = bench.program.finish(second)  # its work was taken away from it
    assert "cancelled before it had ended" in done.json["text"]
