"""Deadlines and signals: the run ends, with everything it started, and says so (OPS-3, CHD-7, LCK-8)."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STATUSES = {"SIGINT": (130, "interrupted"), "SIGTERM": (143, "terminated"), "SIGHUP": (129, "hung-up")}
STUBBORN = "run: echo $$ > pid; trap '' TERM INT HUP; while :; do sleep 1; done"


def pid_in(path: Path) -> int:
    try:
        return int(path.read_text() or 0)
    except FileNotFoundError:
        return 0


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or ") Z " in Path(f"/proc/{pid}/stat").read_text()


def test_interrupt_at_the_first_import_leaves_no_traceback(ready: Any) -> None:
    """Until then it is the interpreter that is interrupted, which nobody can help."""
    code = (
        "import os, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if not name.startswith('reference'): os.kill(os.getpid(), 2)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "import reference.__main__\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, env=ready.env())
    done = ready.finish(process)
    assert (done.status, done.stderr) == (-signal.SIGINT, "")


def _alone(*lines: str) -> str:
    """What a program that has installed the handlers prints; it must print no error."""
    code = "\n".join(["from reference import stopping", "stopping.install()", *lines])
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert ran.stderr == ""
    return ran.stdout.strip()


@pytest.mark.parametrize("timeout", [None, 60])
def test_signal_just_before_a_call_that_blocks_is_acted_on(timeout: float | None) -> None:
    """Between the two calls of `map` the interpreter does not look for signals: it is C that goes on."""
    lines = (
        f"stopping.arm({timeout})",
        "import ctypes, operator, os, socket",
        "from functools import partial",
        "ours, theirs = socket.socketpair()",
        "ours.settimeout(60)  # so it waits in poll(2)",
        "calls = partial(ctypes.CDLL(None).kill, os.getpid(), 15), partial(ours.recv, 1)",
        "try: list(map(operator.call, calls))",
        "except stopping.Stopped as stopped: print(stopped.code)",
    )
    assert _alone(*lines) == "terminated"


def test_signal_just_before_the_gateways_answer_is_waited_for_is_acted_on() -> None:
    """A client without --timeout waits in recv(2) itself."""
    lines = (
        "import ctypes, operator, os, socket",
        "from functools import partial",
        "from reference.deadline import Deadline",
        "from reference.gateway.client import Connection",
        "from reference.home import Home",
        "ours, theirs = socket.socketpair()",
        "class Late:",
        "    settimeout = ours.settimeout",
        "    def recv(self, size):",
        "        calls = partial(ctypes.CDLL(None).kill, os.getpid(), 15), partial(ours.recv, size)",
        "        list(map(operator.call, calls))",
        "connection = Connection(Home('/nowhere'))",
        "connection._socket = Late()",
        "try: connection.receive(Deadline(None))",
        "except stopping.Stopped as stopped: print(stopped.code)",
    )
    assert _alone(*lines) == "terminated"


def test_signal_that_comes_with_the_commit_is_told_as_such(tmp_path: Path) -> None:
    """It is acted on when the database has been made, and then there is nothing to roll back."""
    lines = (
        "import functools, os, sqlite3",
        "from reference.deadline import Deadline",
        "from reference.home import Home",
        "from reference.runs import Registry",
        "class Late(sqlite3.Connection):",
        "    def execute(self, statement, *values):",
        "        done = super().execute(statement, *values)",
        "        if statement == 'COMMIT': os.kill(os.getpid(), 15)",
        "        return done",
        "sqlite3.connect = functools.partial(sqlite3.connect, factory=Late)",
        f"try: Registry.open(Home({str(tmp_path)!r}), Deadline(None))",
        "except stopping.Stopped as stopped: print(stopped.code)",
    )
    assert _alone(*lines) == "terminated"


def test_beats_before_the_deadline_are_not_noticed() -> None:
    lines = ("import time", "stopping.arm(60)", "began = time.monotonic()", "time.sleep(2.5)")
    assert _alone(*lines, "print(time.monotonic() - began >= 2.5, stopping.reason())") == "True"


def test_timer_does_not_kill_an_interpreter_that_takes_long_to_end(ready: Any) -> None:
    """It looks through the modules last, and has put every signal back to its default by then."""
    script = (
        "import builtins, signal, sys, time\n"
        "from reference.cli import main\n"
        "from reference.parts import Parts\n"
        "class Slow:\n"
        "    def __del__(self, get=signal.getsignal, alarm=signal.SIGALRM, sleep=time.sleep):\n"
        "        assert not callable(get(alarm)); sleep(2)\n"
        "builtins.slow = Slow()  # its names are the last to be taken away\n"
        "sys.exit(main(Parts.default(), ['agents', 'list']))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], env=ready.env(), capture_output=True, timeout=30, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize(("where", "read"), [("interrupting()", -1), ("held()", 1)])
def test_beat_fails_no_call_that_nobody_asks_again(where: str, read: int) -> None:
    """A library of C gets EINTR where the call may block for ever, and is to be interrupted; nowhere else."""
    lines = (
        "import ctypes, subprocess",
        "script, pipe = 'sleep 2; echo late; cat', subprocess.PIPE",
        "late = subprocess.Popen(script, shell=True, stdin=pipe, stdout=pipe)",
        f"with stopping.{where}:",
        "    print(ctypes.CDLL(None).read(late.stdout.fileno(), ctypes.create_string_buffer(1), 1))",
        "late.communicate()",
    )
    assert _alone(*lines) == str(read)


def test_deadline_ends_a_write_that_nobody_reads() -> None:
    lines = (
        "import os",
        "from reference import streams",
        "before, (_, full) = os.dup(1), os.pipe()",
        "os.dup2(full, 1)",
        "stopping.arm(0.5)",
        "try: streams.write_output(bytes(1 << 20))",
        "except stopping.Stopped as stopped: os.dup2(before, 1); print(stopped.code)",
    )
    assert _alone(*lines) == "deadline"


@pytest.mark.parametrize("part", ["complete", "agent_entry"])
def test_signal_whose_exception_another_has_replaced_is_still_a_signal(ready: Any, part: str) -> None:
    """As in C, while _ssl looks for _socket: "PyCapsule_Import could not import module", and nothing else."""
    script = (
        "import os, signal, sys\n"
        "from reference.cli import main\n"
        "from reference.parts import Parts\n"
        "def broken(*_, **__):\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM); signal.pause()\n"
        "    except BaseException: raise ImportError('could not import') from None\n"
        "words = ['agent', '--local', '--json', '--agent', 'lane0', '--message', 'hello']\n"
        f"sys.exit(main(Parts.default().replace({part}=broken), words))\n"
    )
    argv = [sys.executable, "-c", script]
    ran = subprocess.run(argv, env=ready.env(), capture_output=True, timeout=30, check=False)
    document = json.loads(ran.stdout)
    assert (ran.returncode, document["error"]["code"]) == (143, "terminated")
    assert [run["status"] for run in ready.runs("--all")] == (["cancelled"] if part == "complete" else [])


@pytest.mark.parametrize("message", ["stall", STUBBORN])
@pytest.mark.parametrize("name", STATUSES)
def test_signal_ends_the_run_and_is_recorded(ready: Any, provider: Any, until: Any, name: str, message: str) -> None:
    process = ready.start_agent("lane0", message)
    provider.wait_for(1)
    child = 0
    if message != "stall":
        child = until(lambda: pid_in(ready.work / "lane0" / "pid"), "the tool runs")
    process.send_signal(getattr(signal, name))
    done = ready.finish(process)
    status, code = STATUSES[name]
    assert (done.status, done.code) == (status, code)
    assert done.json["run"]["status"] == "cancelled"
    assert done.seconds < 5
    assert not child or is_gone(child)
    [run] = ready.runs("--all")
    assert (run["status"], run["error"]["code"]) == ("cancelled", code)


@pytest.mark.parametrize("message", ["stall", STUBBORN])
def test_timeout_bounds_the_run(ready: Any, message: str) -> None:
    done = ready.agent("lane0", message, "--timeout", "1")
    assert (done.status, done.code) == (124, "deadline")
    assert done.seconds < 6
    assert ready.runs() == []
    [run] = ready.runs("--all")
    assert run["status"] == "timed-out"


def test_timeout_bounds_a_provider_that_never_accepts(ready: Any) -> None:
    """A listener whose backlog is full: connect(2) itself hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        config = ready.config()
        config["providers"]["anthropic"]["baseUrl"] = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ready.write_config(config)
        done = ready.agent("lane0", "hello", "--timeout", "1")
        for filler in fillers:
            filler.close()
    assert (done.status, done.code) == (124, "deadline")
    assert done.seconds < 6


def test_locked_database_is_busy_and_reaches_no_provider(ready: Any, provider: Any) -> None:
    ready.agent("lane0", "hello")
    with sqlite3.connect(ready.home / "runs.sqlite") as database:
        database.execute("BEGIN EXCLUSIVE")
        done = ready.agent("lane0", "hello")
        assert (done.status, done.code) == (75, "database-busy")
        timed = ready.agent("lane0", "hello", "--timeout", "1")
        assert timed.status in (75, 124)
        assert timed.seconds < 5
        listed = ready.run("runs", "list")
        assert listed.status == 0  # readers do not wait for a writer
        database.rollback()
    database.close()
    assert len(provider.requests) == 1


def test_database_locked_at_the_end_does_not_hold_the_run(ready: Any, provider: Any) -> None:
    process = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    with sqlite3.connect(ready.home / "runs.sqlite") as database:
        database.execute("BEGIN EXCLUSIVE")
        process.terminate()
        done = ready.finish(process)
        database.rollback()
    database.close()
    assert done.status == 143
    assert done.json["error"]["detail"]["not_recorded"]["code"] == "database-busy"
    assert [r["status"] for r in ready.runs("--all")] == ["interrupted"]


def test_database_locked_at_the_end_of_a_success_is_still_a_success(ready: Any, provider: Any) -> None:
    process = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    with sqlite3.connect(ready.home / "runs.sqlite") as database:
        database.execute("BEGIN EXCLUSIVE")
        provider.released.set()
        done = ready.finish(process)
        database.rollback()
    database.close()
    assert (done.status, done.json["text"]) == (0, "released")
    assert done.json["run"]["not_recorded"]["code"] == "database-busy"


def test_signals_are_taken_though_the_parent_blocked_them(ready: Any, provider: Any) -> None:
    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGALRM])

    process = ready.start_agent("lane0", "stall", preexec_fn=block)
    provider.wait_for(1)
    process.terminate()
    assert ready.finish(process).status == 143
    assert ready.agent("lane0", "stall", "--timeout", "1", preexec_fn=block).status == 124


def test_ignored_hang_up_stays_ignored(ready: Any, provider: Any) -> None:
    """As under nohup."""

    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = ready.start_agent("lane0", "stall", preexec_fn=ignore)
    provider.wait_for(1)
    process.send_signal(signal.SIGHUP)
    provider.released.set()
    assert ready.finish(process).json["text"] == "released"


def test_a_second_signal_does_not_cut_the_clean_up_short(ready: Any, until: Any) -> None:
    process = ready.start_agent("lane0", STUBBORN)
    child = until(lambda: pid_in(ready.work / "lane0" / "pid"), "the tool runs")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        process.send_signal(number)
    done = ready.finish(process)
    assert done.status in (130, 143)  # two signals at once arrive in the kernel's order
    assert is_gone(child)
    assert ready.runs("--all")[0]["status"] == "cancelled"


def test_nobody_reads_the_result_and_the_deadline_still_holds(ready: Any) -> None:
    """The answer is larger than a pipe holds."""
    read, write = os.pipe()
    process = ready.start_agent("lane0", "run: head -c 60000 /dev/zero | tr '\\0' x", "--timeout", "3", stdout=write)
    os.write(write, b"x" * 60000)
    os.close(write)
    try:
        assert process.wait(15) == 124
    finally:
        os.close(read)


def test_timeout_and_signal_without_a_child_leave_no_process(ready: Any, provider: Any) -> None:
    process = ready.start_agent("lane0", "stall", start_new_session=True)
    provider.wait_for(1)
    process.terminate()
    ready.finish(process)
    left = subprocess.run(["ps", "-o", "pid=", "-s", str(process.pid)], capture_output=True, check=False)
    assert left.stdout.split() == []


def test_signal_while_waiting_for_the_config_is_typed(ready: Any, until: Any) -> None:
    from reference.deadline import Deadline
    from reference.locks import Lock

    with Lock(str(ready.home / "locks" / "config.lock")).acquire(Deadline.after(5)):
        process = ready.start("agents", "add", "lane2", "--json", "--workspace", str(ready.work / "w"))
        until(lambda: waits_for_a_lock(process.pid), "it waits")
        process.terminate()
        done = ready.finish(process)
    assert (done.status, done.code) == (143, "terminated")
    assert ready.names() == ["lane0", "lane1"]


def waits_for_a_lock(pid: int) -> bool:
    """The program is in clock_nanosleep(2), between two tries; nothing else in `agents add` sleeps."""
    number = {"x86_64": "230", "aarch64": "115"}[os.uname().machine]
    return Path(f"/proc/{pid}/syscall").read_text().startswith(f"{number} ")
