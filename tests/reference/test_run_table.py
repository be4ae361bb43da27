"""The table of runs tells the truth, and cancelling works by identity (OPS-1, CHD-4, CHD-9)."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reference import identity
from reference.deadline import Deadline
from reference.errors import Local
from reference.home import Home
from reference.runs import Registry


def test_list_shows_what_runs_and_nothing_else(ready: Any, provider: Any) -> None:
    assert ready.runs() == []
    process = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    [run] = ready.runs()
    assert (run["status"], run["pid"], run["agent"]) == ("running", process.pid, "lane0")
    assert run["start_time"] == identity.start_time(process.pid)
    provider.released.set()
    ready.finish(process)
    assert ready.runs() == []


def test_killed_run_is_interrupted_even_as_a_zombie(ready: Any, provider: Any, until: Any) -> None:
    process = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    process.kill()
    until(lambda: ") Z " in Path(f"/proc/{process.pid}/stat").read_text(), "it is a zombie")
    assert ready.runs() == []
    [run] = ready.runs("--all")
    assert run["status"] == "interrupted"
    assert ready.run("runs", "wait", run["id"]).json["run"]["status"] == "interrupted"


def test_cancel_ends_the_run(ready: Any, provider: Any) -> None:
    process = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    [run] = ready.runs()
    done = ready.run("runs", "cancel", run["id"])
    assert (done.status, done.json["run"]["status"]) == (0, "cancelled")
    assert process.wait(1) == 143
    again = ready.run("runs", "cancel", run["id"])
    assert (again.status, again.code) == (1, "already-finished")


def test_wait_longer_than_poll_can_wait() -> None:
    child = subprocess.Popen(["true"])
    descriptor = os.pidfd_open(child.pid)
    try:
        assert identity.wait_gone(descriptor, Deadline.after(10_000_000))
    finally:
        os.close(descriptor)
        child.wait(10)


def test_cancel_wakes_what_is_stopped(ready: Any, provider: Any) -> None:
    process = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    process.send_signal(signal.SIGSTOP)
    [run] = ready.runs()
    done = ready.run("runs", "cancel", run["id"])
    assert (done.status, done.json["run"]["status"]) == (0, "cancelled")
    assert process.wait(1) == 143


def test_cancel_kills_what_does_not_listen(program: Any) -> None:
    program.write_config({"limits": {"graceSeconds": 0.1}})
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with Registry.open(Home(str(program.home)), Deadline.after(5)) as registry:
            registry.start("r-1", "lane0", "main", pid=process.pid, via="local")
        done = program.run("runs", "cancel", "r-1")
        assert (done.status, done.json["run"]["status"]) == (0, "cancelled")
        assert process.wait(1) == -signal.SIGKILL
    finally:
        process.kill()
        process.communicate()


def test_cancel_never_signals_a_recycled_pid(tmp_path: Path, program: Any) -> None:
    """A row whose pid now belongs to somebody else: a process of ours that must survive."""
    bystander = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    started = identity.start_time(bystander.pid)
    assert started is not None
    try:
        assert identity.signal_process(bystander.pid, started + 1, identity.boot_id(), signal.SIGKILL) is None
        assert identity.signal_process(bystander.pid, started, "another boot", signal.SIGKILL) is None
        with Registry.open(Home(str(program.home)), Deadline.after(5)) as registry:
            registry.start("r-1", "lane0", "main", pid=bystander.pid, via="local")
            registry._connection.execute("UPDATE runs SET start_time = start_time - 1")
        assert program.run("runs", "cancel", "r-1").code == "already-finished"
        assert program.run("runs", "show", "r-1").json["run"]["status"] == "interrupted"
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait(10)


def test_background_job_is_listed_and_can_be_cancelled(ready: Any, until: Any) -> None:
    done = ready.agent("lane0", "background: echo $$ > pid; exec sleep 300")
    assert done.status == 0
    [run] = ready.runs()
    [job] = run["jobs"]
    assert (run["status"], job["status"], job["background"]) == ("succeeded", "running", True)
    child = int(until((ready.work / "lane0" / "pid").read_text, "the job runs"))
    assert identity.start_time(child) is not None
    cancelled = ready.run("runs", "cancel", job["id"])
    assert cancelled.status == 0
    assert cancelled.json["run"]["jobs"][0]["status"] == "cancelled"
    assert identity.start_time(child) is None
    assert ready.runs() == []


def test_cancelling_a_finished_run_cancels_its_jobs(ready: Any) -> None:
    run_id = ready.agent("lane0", "background: exec sleep 300").json["run"]["id"]
    assert ready.run("runs", "cancel", run_id).status == 0
    assert ready.runs() == []
    assert ready.run("runs", "cancel", run_id).code == "already-finished"


def test_wait_is_bounded(ready: Any, provider: Any) -> None:
    process = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    [run] = ready.runs()
    assert ready.run("runs", "wait", run["id"], "--timeout", "0.3").status == 124
    waiting = ready.start("runs", "wait", run["id"], "--json")
    provider.released.set()
    ready.finish(process)
    done = ready.finish(waiting)
    assert (done.json["run"]["status"], done.json["text"]) == ("succeeded", "released")


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be looked at" * 20, b"SQLite format 3\0" + b"x" * 4080]
)
def test_damaged_database_is_typed_and_doctor_puts_it_aside(ready: Any, provider: Any, content: bytes) -> None:
    path = ready.home / "runs.sqlite"
    path.write_bytes(content)
    for words in (("runs", "list"), ("agent", "--local", "--agent", "lane0", "--message", "m")):
        done = ready.run(*words)
        assert (done.status, done.code) == (1, "database-damaged")
    assert provider.requests == []
    assert path.read_bytes() == content
    assert ready.run("doctor").status == 1
    assert ready.run("doctor", "--fix").status == 0
    assert ready.agent("lane0", "hello").status == 0
    assert [p.read_bytes() for p in ready.home.glob("runs.sqlite.damaged-*")] == [content]


@pytest.mark.parametrize("change", ["started = 9e999", """error = '{"code": "c", "message": "m", "detail": NaN}'"""])
def test_a_value_that_no_json_document_can_show_is_damage(ready: Any, change: str) -> None:
    run = ready.agent("lane0", "hello").json["run"]["id"]
    with Registry.open(Home(str(ready.home)), Deadline.after(5)) as registry:
        registry._connection.execute(f"UPDATE runs SET {change}")
    for words in (("runs", "list", "--all"), ("runs", "show", run)):
        done = ready.run(*words)
        assert (done.status, done.code) == (1, "database-damaged")


def test_doctor_clears_what_a_kill_left(ready: Any, provider: Any) -> None:
    process = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    process.kill()
    process.wait(10)
    (ready.home / f".config.json.{process.pid}.001122334455.tmp").write_text("half")
    (ready.home / f".config.json.{os.getpid()}.001122334455.tmp").write_text("being written")
    found = ready.run("doctor")
    assert found.status == 1
    assert {p["code"] for p in found.json["problems"]} == {"temporary-left", "holder-record-left"}
    assert ready.run("doctor", "--fix").status == 0
    assert ready.run("doctor").json["problems"] == []
    assert [p.name for p in ready.home.glob(".config.json.*")] == [f".config.json.{os.getpid()}.001122334455.tmp"]


def test_first_end_of_a_run_stands(tmp_path: Path) -> None:
    with Registry.open(Home(str(tmp_path)), Deadline.after(5)) as registry:
        registry.start("r-1", "lane0", "main", pid=os.getpid(), via="local")
        assert registry.finish("r-1", "cancelled")["status"] == "cancelled"
        assert registry.finish("r-1", "succeeded", text="late")["status"] == "cancelled"
        registry.start("r-2", "lane0", "main", pid=os.getpid(), via="local")
        with pytest.raises(Local):
            registry.finish("r-2", "no-such-status")


@pytest.mark.parametrize(
    "change",
    ["started = 1e300", "started = -1e17", "finished = 1e17", "status = 'sucbeeded'"],
)
def test_values_that_nobody_has_written_are_told_of(ready: Any, change: str) -> None:
    run_id = ready.agent("lane0", "hello").json["run"]["id"]
    with contextlib.closing(sqlite3.connect(ready.home / "runs.sqlite", isolation_level=None)) as table:
        table.execute("PRAGMA ignore_check_constraints = 1")
        table.execute(f"UPDATE runs SET {change}")
    for words in (("runs", "list", "--all"), ("runs", "show", run_id)):
        assert ready.run(*words).code == "database-damaged"
        assert "doctor --fix" in ready.finish(ready.start(*words)).stderr


@pytest.mark.parametrize("name", ["runs.sqlite", "runs.sqlite-wal", "runs.sqlite-shm"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_file_in_the_place_of_the_table_is_named(ready: Any, name: str, make: Any) -> None:
    ready.agent("lane0", "hello")
    path = ready.home / name
    path.unlink(missing_ok=True)
    make(path)
    done = ready.agent("lane0", "again")
    assert (done.status, done.code) == (1, "not-a-file")
    assert done.json["error"]["detail"]["path"] == str(path)
    assert "move it away" in done.json["error"]["hint"]


def test_link_of_the_table_that_leads_nowhere_is_not_an_empty_table(ready: Any) -> None:
    (ready.home / "runs.sqlite").symlink_to("unmounted/runs.sqlite")
    assert ready.run("runs", "list").code == "path-missing"


@pytest.mark.parametrize(
    "damage", [lambda path: path.write_text("{ damaged"), lambda path: path.unlink() or path.mkdir()]
)
def test_cancel_needs_no_config(ready: Any, provider: Any, damage: Any) -> None:
    process = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    [run] = ready.runs()
    damage(ready.home / "config.json")
    assert ready.run("runs", "cancel", run["id"]).json["run"]["status"] == "cancelled"
    assert ready.finish(process).status == 143


def test_cancel_with_a_shorter_grace_than_the_run_began_with_leaves_nothing(
    ready: Any, provider: Any, until: Any
) -> None:
    """Whoever kills the keeper first can never find its work again."""
    ready.write_config({**ready.config(), "limits": {"graceSeconds": 60}})
    process = ready.start_agent("lane0", "run: trap '' TERM; echo $$ > pid; while :; do sleep 1; done")
    child = int(until(lambda: _text_of(ready.work / "lane0" / "pid"), "the tool runs"))
    [run] = ready.runs()
    ready.write_config({**ready.config(), "limits": {"graceSeconds": 0}})
    assert ready.run("runs", "cancel", run["id"]).json["run"]["status"] == "cancelled"
    assert identity.start_time(child) is None
    ready.finish(process)


def _text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""
