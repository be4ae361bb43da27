"""A renewed token is stored, whatever ends the turn by then (AUT-4)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reference import locks
from reference.auth.endpoint import Grant
from reference.auth.refresh import Refresh
from reference.auth.store import Store
from reference.deadline import Deadline
from reference.errors import Busy
from reference.home import Home

PROFILE = "codex:default"


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGIO"])
def test_every_signal_that_ends_a_turn_waits_for_the_store(number: str) -> None:
    """SIGIO is the kernel's, as a worker's gateway has gone; SIGALRM the deadline's."""
    lines = (
        "import os, signal",
        "from reference import stopping",
        "from reference.auth.refresh import _SignalsHeld",
        "stopping.install()",
        "stopping.watch(os.pipe()[0])",
        "stopping._State.due = 0.0",
        "held = _SignalsHeld()",
        "held.hold()",
        f"os.kill(os.getpid(), signal.{number})",
        "print('stored', end=' ')",
        "try: held.release()",
        "except stopping.Stopped as stopped: print(stopped.code)",
    )
    argv = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    codes = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung-up", "SIGALRM": "deadline"}
    assert (done.stdout.split(), done.stderr) == (["stored", codes.get(number, "gateway-lost")], "")


def test_token_that_comes_when_time_is_up_is_stored(tmp_path: Path, monkeypatch: Any) -> None:
    store = Store(Home(str(tmp_path)))
    spent = store.put(PROFILE, {"refresh": "old"}, Deadline.after(None))
    other = store._lock("credentials", "the file")
    assert other.try_acquire()
    monkeypatch.setattr(locks.time, "sleep", lambda _: other.release())  # whoever writes the file has done so
    refresh = Refresh(store, PROFILE, "codex", {})
    refresh.keep(spent, Grant(access="a", refresh="new", expires_in=None), Deadline.after(0))
    assert store.get(PROFILE).refresh == "new"


def test_store_that_stays_locked_is_not_waited_for_long(tmp_path: Path, monkeypatch: Any) -> None:
    store = Store(Home(str(tmp_path)))
    spent = store.put(PROFILE, {"refresh": "old"}, Deadline.after(None))
    grant = Grant(access="a", refresh="new", expires_in=None)
    monkeypatch.setattr("reference.auth.refresh.STORE_SECONDS", 0.01)
    with store._lock("credentials", "the file").acquire(Deadline.after(0)), pytest.raises(Busy):
        Refresh(store, PROFILE, "codex", {}).keep(spent, grant, Deadline.after(0))
