"""Fake builds as processes: they beat, resist, detach, and always end by themselves."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fakes.builds.heartbeat import Heartbeat, HeartbeatError, read_heartbeat

BOUND = 15.0


def until(condition):
    """The first true value of a condition, polled; the heartbeat file announces no change."""
    end = time.monotonic() + BOUND
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.002)
    raise AssertionError("the condition did not come true in time")


def start(tmp_path, *words, seconds="20"):
    command = [
        sys.executable,
        "-m",
        "fakes.builds",
        "--heartbeat",
        str(tmp_path / "beat"),
        "--seconds",
        seconds,
    ]
    with (tmp_path / "errors").open("w") as errors:
        return subprocess.Popen([*command, *words], stderr=errors)


def heartbeat(tmp_path) -> Heartbeat:
    return until(lambda: read_heartbeat(tmp_path / "beat"))


def advances(tmp_path) -> bool:
    size = (tmp_path / "beat").stat().st_size
    return until(lambda: (tmp_path / "beat").stat().st_size > size)


def gone(pid) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def end(process, pid) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid))
    process.wait(BOUND)


def test_it_beats_and_stops_by_itself(tmp_path):
    process = start(tmp_path, seconds="0.2")
    assert process.wait(BOUND) == 0
    assert (tmp_path / "errors").read_text() == ""
    beat = read_heartbeat(tmp_path / "beat")
    assert beat.pid == process.pid
    assert beat.done
    assert 1 <= beat.beats <= 11


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_plain_build_dies_of_the_signal(tmp_path, number):
    process = start(tmp_path)
    assert heartbeat(tmp_path).pid == process.pid
    process.send_signal(number)
    assert process.wait(BOUND) == -number
    assert (tmp_path / "errors").read_text() == ""


def test_ignoring_signals_it_goes_on(tmp_path):
    process = start(tmp_path, "--ignore-term")
    heartbeat(tmp_path)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        process.send_signal(number)
    assert advances(tmp_path)
    assert process.poll() is None
    end(process, process.pid)


def test_a_session_of_its_own(tmp_path):
    process = start(tmp_path, "--new-session")
    pid = heartbeat(tmp_path).pid
    assert os.getsid(pid) == pid != os.getsid(0)
    end(process, pid)


def test_a_session_of_its_own_for_a_group_leader(tmp_path):
    command = [
        sys.executable,
        "-m",
        "fakes.builds",
        "--heartbeat",
        str(tmp_path / "beat"),
        "--seconds",
        "0.3",
    ]
    process = subprocess.Popen([*command, "--new-session"], process_group=0)
    pid = heartbeat(tmp_path).pid
    assert pid != process.pid
    assert os.getsid(pid) == pid
    assert process.wait(BOUND) == 0


def test_double_fork_detaches_and_the_original_exits_at_once(tmp_path):
    process = start(tmp_path, "--double-fork", "--new-session", "--ignore-term")
    assert process.wait(BOUND) == 0
    pid = heartbeat(tmp_path).pid
    assert pid != process.pid
    assert os.getsid(pid) not in (os.getsid(0), pid)
    assert advances(tmp_path)
    os.kill(pid, signal.SIGTERM)
    assert advances(tmp_path)
    end(process, pid)


def test_double_fork_with_wait_stays_until_the_end(tmp_path):
    process = start(tmp_path, "--double-fork", "--wait", seconds="0.3")
    pid = heartbeat(tmp_path).pid
    assert process.wait(BOUND) == 0
    assert read_heartbeat(tmp_path / "beat").done
    assert pid != process.pid


def test_the_token_file_tells_who_lives(tmp_path):
    token = tmp_path / "token"
    process = start(tmp_path, "--double-fork", "--token-file", str(token))
    assert process.wait(BOUND) == 0
    pid = heartbeat(tmp_path).pid
    assert int(token.read_text()) == pid
    with token.open() as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        end(process, pid)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--heartbeat is missing"),
        (["--heartbeat", "x"], "--seconds is missing"),
        (["--heartbeat", "x", "--seconds"], "needs a value"),
        (["--heartbeat", "x", "--seconds", "soon"], "must be a number of seconds"),
        (["--heartbeat", "x", "--seconds", "-1"], "must be a number of seconds"),
        (["--heartbeat", "x", "--seconds", "nan"], "must be a number of seconds"),
        (["--heartbeat", "x", "--seconds", "1", "--interval", "0"], "must be a number of seconds"),
        (["--heartbeat", "x", "--seconds", "1", "--wait"], "only for --double-fork"),
        (["--heartbeat", "x", "--seconds", "1", "--loud"], "not an option"),
        (["--heartbeat", "missing/x", "--seconds", "1"], "cannot write missing/x"),
        (["--heartbeat", "x", "--seconds", "1", "--token-file", "missing/t"], "cannot write missing/t"),
    ],
)
def test_wrong_words_are_refused_in_one_line(tmp_path, words, said):
    command = [sys.executable, "-m", "fakes.builds", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=BOUND, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


def test_help():
    command = [sys.executable, "-m", "fakes.builds", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=True)
    assert "example: " in done.stdout


def test_it_imports_only_what_the_bare_interpreter_has_at_hand():
    light = {"fakes", "fakes.builds", "fakes.builds.__main__"}
    code = "import os, signal, sys, time; before = set(sys.modules); sys.argv[1:] = ['--help']\n"
    code += "try:\n import fakes.builds.__main__\nexcept SystemExit: pass\n"
    code += "print(*(set(sys.modules) - before), file=sys.stderr)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert {"fakes.builds"} <= set(done.stderr.split()) <= light


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("pid 1", None),
        ("pid 12\n", Heartbeat(pid=12, beats=0, done=False)),
        ("pid 12\n1\n2\n3", Heartbeat(pid=12, beats=2, done=False)),
        ("pid 12\n1\ndone\n", Heartbeat(pid=12, beats=1, done=True)),
    ],
)
def test_reading_a_heartbeat(tmp_path, text, found):
    (tmp_path / "beat").write_text(text)
    assert read_heartbeat(tmp_path / "beat") == found
    assert read_heartbeat(tmp_path / "other") is None


def test_a_file_that_is_no_heartbeat(tmp_path):
    (tmp_path / "beat").write_text("hello\n")
    with pytest.raises(HeartbeatError, match="beat"):
        read_heartbeat(tmp_path / "beat")
