"""Who belongs to whom, as /proc tells it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.processes import stat, tree

THREADED = """
import subprocess, sys, threading
started = []
asks = threading.Thread(target=lambda: started.append(subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"])))
asks.start(); asks.join()
sys.stdin.read()
"""


@pytest.mark.parametrize("knows", [True, False], ids=["children-files", "whole-of-proc"])
def test_a_family_is_all_descendants_also_those_of_other_threads(monkeypatch: pytest.MonkeyPatch, knows: bool) -> None:
    if knows and not Path("/proc/thread-self/children").exists():
        pytest.skip("a kernel without CONFIG_PROC_CHILDREN")
    monkeypatch.setattr(stat, "KNOWS_CHILDREN", knows)
    argv = [sys.executable, "-S", "-E", "-c", THREADED]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        [child] = stat.children(parent.pid)
        try:
            assert tree.family({parent.pid}) == {parent.pid, child, grandchild}
            assert tree.family({child}) == {child, grandchild}
            assert stat.below(parent.pid).keys() == {child, grandchild}
            assert os.getpid() not in tree.family({parent.pid})
        finally:
            for pid in (grandchild, child):
                os.kill(pid, 9)


def test_what_is_gone_has_no_family() -> None:
    with subprocess.Popen([sys.executable, "-S", "-E", "-c", ""]) as process:
        process.wait()
    assert tree.family({process.pid}) == frozenset()
    assert stat.children(process.pid) == set()


def test_only_what_is_below_is_signalled() -> None:
    """A pid that has become another program's is none of ours."""
    with subprocess.Popen(["sleep", "60"]) as child, subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            assert tree.is_below(os.getpid(), child.pid)
            assert not tree.signal_below(child.pid, stranger.pid, signal.SIGKILL)
            assert stranger.poll() is None
            assert tree.signal_below(os.getpid(), child.pid, signal.SIGKILL)
            assert child.wait(10) == -signal.SIGKILL
            assert not tree.signal_below(os.getpid(), child.pid, signal.SIGKILL)
        finally:
            child.kill()
            stranger.kill()
