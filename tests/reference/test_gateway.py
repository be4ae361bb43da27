"""The gateway owns its runs, whoever goes away (FLO-9, CHD-2, CHD-8, MSG-5)."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reference import identity
from reference.errors import Usage
from reference.gateway.server import Client, Server
from reference.gateway.workers import Worker
from reference.home import Home
from reference.parts import Parts
from reference.request import Request


class Gateway:
    """A gateway process that listens."""

    def __init__(self, program: Any, **options: Any) -> None:
        self.process = program.start("gateway", "run", "--json", stderr=subprocess.DEVNULL, **options)
        self.ready = json.loads(self.process.stdout.readline())
        assert self.ready["ok"], self.ready


Serve = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def serve(ready: Any) -> Iterator[Serve]:
    started: list[subprocess.Popen[bytes]] = []

    def start(**options: Any) -> subprocess.Popen[bytes]:
        started.append(Gateway(ready, **options).process)
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(20)


def test_run_goes_through_the_gateway(ready: Any, serve: Serve, provider: Any) -> None:
    gateway = serve()
    done = ready.finish(ready.start_agent("lane0", "hello"))
    assert done.status == 0
    assert (done.json["text"], done.json["via"]) == ("you said hello", "gateway")
    assert done.json["attempts"][0]["kind"] == "ok"
    [run] = ready.runs("--all")
    assert (run["id"], run["status"], run["via"]) == (done.json["run"]["id"], "succeeded", "gateway")
    assert run["pid"] != gateway.pid
    failed = ready.finish(ready.start_agent("lane0", "status: 400"))
    assert (failed.status, failed.json["error"]["kind"], failed.json["via"]) == (1, "fatal", "gateway")


def test_answer_of_any_length_goes_through_the_gateway(ready: Any, serve: Serve, provider: Any) -> None:
    """Longer than any line that a client may send, and than what may wait for a client that does not read."""
    serve()
    other = ready.start_agent("lane1", "stall")
    provider.wait_for(1)
    done = ready.finish(ready.start_agent("lane0", f"long: {9 << 20}"), 100.0)  # takes seconds of a processor
    assert (done.status, len(done.json["text"])) == (0, 9 << 20)
    provider.released.set()
    assert ready.finish(other).json["text"] == "released"  # nobody else was harmed


def test_local_run_does_not_touch_the_gateway(ready: Any, serve: Serve) -> None:
    serve()
    assert ready.agent("lane0", "hello").json["via"] == "local"


def test_runs_in_parallel_and_busy_is_passed_on(ready: Any, serve: Serve, provider: Any) -> None:
    ready.write_config(ready.config() | {"limits": {"sessionWaitSeconds": 0.2}})
    serve()
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    assert ready.finish(ready.start_agent("lane1", "hello")).status == 0
    busy = ready.finish(ready.start_agent("lane0", "hello"))
    assert (busy.status, busy.code) == (75, "session-busy")
    assert busy.json["error"]["detail"]["holder"]["pid"] == ready.runs()[0]["pid"]
    provider.released.set()
    assert ready.finish(stalled).json["text"] == "released"


def test_events_are_streamed(ready: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    serve()
    monkeypatch.chdir(ready.home)  # the test's own way around the 108 bytes of sun_path
    request = {"agent": "lane0", "message": "run: pwd", "session": "main", "timeout": 30}
    request |= {"run_id": "r-x", "via": "gateway"}
    events: list[dict[str, Any]] = []
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect("gateway.sock")
        connection.sendall(json.dumps({"op": "run", "request": request}).encode() + b"\n")
        with connection.makefile("rb") as lines:
            while not events or events[-1]["event"] != "result":
                events.append(json.loads(lines.readline()))
    names = [event["event"] for event in events]
    assert names == ["ready", "accepted", "started", "attempt", "tool", "attempt", "result"]
    assert {event["run"] for event in events[2:-1]} == {"r-x"}
    assert events[-1]["exit"] == 0
    assert events[-1]["document"]["run"]["id"] == "r-x"


def test_second_gateway_is_refused(ready: Any, serve: Serve) -> None:
    gateway = serve()
    done = ready.run("gateway", "run")
    assert (done.status, done.code) == (75, "gateway-running")
    assert done.json["error"]["detail"]["holder"]["pid"] == gateway.pid


def test_status_and_stop(ready: Any, serve: Serve, provider: Any) -> None:
    assert ready.run("gateway", "status").json["gateway"] is None
    assert ready.run("gateway", "stop").code == "no-gateway"
    gateway = serve()
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    [run] = ready.runs()
    assert ready.run("gateway", "status").json["gateway"] == {"pid": gateway.pid, "runs": [run["id"]]}
    assert ready.run("gateway", "stop").status == 0
    assert gateway.wait(1) == 143
    done = ready.finish(stalled)
    assert (done.status, done.code) == (143, "terminated")
    assert not (ready.home / "gateway.sock").exists()
    assert [r["status"] for r in ready.runs("--all")] == ["cancelled"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGKILL"])
def test_client_that_goes_away_cancels_its_run(ready: Any, serve: Serve, provider: Any, until: Any, name: str) -> None:
    serve()
    client = ready.start_agent("lane0", "run: echo $$ > pid; exec sleep 300")
    child = int(
        until(lambda: (ready.work / "lane0" / "pid").exists() and (ready.work / "lane0" / "pid").read_text(), "runs")
    )
    client.send_signal(getattr(signal, name))
    done = ready.finish(client)
    if name != "SIGKILL":
        assert done.status == {"SIGTERM": 143, "SIGINT": 130}[name]
        assert done.json["run"]["status"] == "cancelled"
        assert identity.start_time(child) is None
    until(lambda: identity.start_time(child) is None, "the tool ends")
    until(lambda: [r["status"] for r in ready.runs("--all")] == ["cancelled"], "it is recorded")


@pytest.mark.parametrize("record", ["pipe", "nested"])
def test_stop_of_a_gateway_whose_record_is_nonsense(ready: Any, record: str) -> None:
    path = ready.home / "locks" / "gateway.lock"
    if record == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"[" * 4000)
    assert ready.run("gateway", "stop").code == "no-gateway"


def test_detached_run_goes_on(ready: Any, serve: Serve, provider: Any) -> None:
    serve()
    done = ready.finish(ready.start_agent("lane0", "stall", "--detach"))
    assert (done.status, done.json["run"]["status"]) == (0, "running")
    run_id = done.json["run"]["id"]
    waiting = ready.start("runs", "wait", run_id, "--json")
    provider.wait_for(1)
    provider.released.set()
    waited = ready.finish(waiting)
    assert (waited.json["run"]["status"], waited.json["text"]) == ("succeeded", "released")


def test_detach_needs_a_gateway(ready: Any) -> None:
    assert ready.finish(ready.start_agent("lane0", "hello", "--detach")).code == "no-gateway"


def test_timeout_holds_through_the_gateway(ready: Any, serve: Serve, provider: Any) -> None:
    serve()
    done = ready.finish(ready.start_agent("lane0", "stall", "--timeout", "1"))
    assert (done.status, done.code) == (124, "deadline")
    assert done.seconds < 6
    assert [r["status"] for r in ready.runs("--all")] == ["timed-out"]


@pytest.mark.parametrize("detached", [False, True])
def test_stopped_worker_is_killed_once_its_time_is_up(
    ready: Any, serve: Serve, provider: Any, until: Any, detached: bool
) -> None:
    (ready.home / "config.json").write_text(
        json.dumps(json.loads((ready.home / "config.json").read_text()) | {"limits": {"graceSeconds": 0.2}})
    )
    serve()
    client = ready.start_agent("lane0", "stall", "--timeout", "2", *(["--detach"] if detached else []))
    provider.wait_for(1)
    [run] = ready.runs()
    os.kill(run["pid"], signal.SIGSTOP)
    done = ready.finish(client)
    assert done.status == (0 if detached else 124)
    until(lambda: identity.start_time(run["pid"]) is None, "the worker is killed")
    assert [r["status"] for r in ready.runs("--all")] == ["interrupted"]


def test_lost_gateway_is_reported_and_nothing_is_rerun(ready: Any, serve: Serve, provider: Any, until: Any) -> None:
    gateway = serve()
    client = ready.start_agent("lane0", "run: echo $$ > pid; exec sleep 300")
    child = int(
        until(lambda: (ready.work / "lane0" / "pid").exists() and (ready.work / "lane0" / "pid").read_text(), "runs")
    )
    [run] = ready.runs()
    gateway.kill()
    done = ready.finish(client)
    assert (done.status, done.json["error"]["kind"], done.code) == (1, "ambiguous", "gateway-lost")
    until(lambda: identity.start_time(child) is None, "the tool ends")
    until(lambda: identity.start_time(run["pid"]) is None, "the worker ends")
    assert len(provider.requests) == 1
    again = serve()
    assert [(r["id"], r["status"]) for r in ready.runs("--all")] == [(run["id"], "interrupted")]
    assert ready.finish(ready.start_agent("lane0", "hello")).json["via"] == "gateway"
    assert again.poll() is None


def test_killed_worker_is_reported(ready: Any, serve: Serve, provider: Any) -> None:
    serve()
    client = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    os.kill(ready.runs()[0]["pid"], signal.SIGKILL)
    done = ready.finish(client)
    assert (done.status, done.code) == (1, "worker-lost")
    assert ready.finish(ready.start_agent("lane0", "hello")).status == 0


def test_cancelling_a_gateway_run(ready: Any, serve: Serve, provider: Any) -> None:
    serve()
    client = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    assert ready.run("runs", "cancel", ready.runs()[0]["id"]).json["run"]["status"] == "cancelled"
    assert ready.finish(client).code == "terminated"


def test_unresponsive_gateway_starts_nothing(ready: Any, serve: Serve, provider: Any) -> None:
    gateway = serve()
    gateway.send_signal(signal.SIGSTOP)
    try:
        done = ready.finish(ready.start_agent("lane0", "hello", "--timeout", "1"))
        assert done.status in (1, 124)
        assert ready.run("gateway", "stop").status == 0
        assert gateway.wait(5) == 143  # it is continued, so that it can end its runs
    finally:
        gateway.send_signal(signal.SIGCONT)
    assert provider.requests == []


def test_nonsense_on_the_socket_harms_nobody(ready: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    serve()
    monkeypatch.chdir(ready.home)
    for data in (
        b"\0\xff\n",
        b'{"op": "run"}\n',
        b'{"op": "run", "request": {"agent": "../x"}}\n',
        b"[]\n",
        b'{"op": 7}\n',
        b"x" * 3_000_000,
    ):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect("gateway.sock")
            try:
                connection.sendall(data)
                answers = connection.makefile("rb")
                assert json.loads(answers.readline())["event"] == "ready"
                if data.endswith(b"\n"):
                    assert json.loads(answers.readline())["event"] == "refused"
            except (BrokenPipeError, ConnectionResetError):
                assert len(data) > 1 << 20
    assert ready.finish(ready.start_agent("lane0", "hello")).json["via"] == "gateway"


@pytest.mark.parametrize(
    "field",
    [{"timeout": 1e999}, {"timeout": -1}, {"via": "\ud800"}, {"chain": "a\0"}, {"chain": "\udcff"}, {"chain": []}],
)
def test_request_that_no_client_sends_is_refused(field: dict[str, Any]) -> None:
    fields = {"agent": "lane0", "message": "m", "session": "main", "timeout": None, "run_id": "r-1", "via": "gateway"}
    assert Request.from_fields(fields).chain == ""
    with pytest.raises(Usage) as caught:
        Request.from_fields(fields | field)
    assert caught.value.code == "bad-request"


READY = b'{"event": "ready", "pid": 1}\n'


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"hello\n", "gateway-unresponsive"),
        (b'{"event": "ready"}\n', "gateway-unresponsive"),
        (b'{"event": "ready", "pid": "x"}\n', "gateway-unresponsive"),
        (b"x" * 2_000_000, "gateway-unresponsive"),
        (READY + b'{"event": "refused"}\n', "gateway-lost"),
        (READY + b'{"event": "result", "document": {}}\n', "gateway-lost"),
        (READY + b'{"event": "result", "document": []}\n', "gateway-lost"),
        (READY + b"x" * 2_000_000, "gateway-lost"),
    ],
)
def test_gateway_of_another_protocol(ready: Any, monkeypatch: pytest.MonkeyPatch, said: bytes, code: str) -> None:
    """As after an upgrade, when the gateway has not been started anew."""
    monkeypatch.chdir(ready.home)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("gateway.sock")
        listener.listen()
        for words, expected in ((("gateway", "status"), "gateway-unresponsive"), (("agent",), code)):
            rest = ("--agent", "lane0", "--message", "hello") if words == ("agent",) else ()
            client = ready.start(*words, *rest, "--json")
            connection = listener.accept()[0]
            with connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(said)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            assert ready.finish(client).code == expected


def test_address_that_cannot_be_taken_is_named(ready: Any) -> None:
    (ready.home / "gateway.sock").mkdir()
    done = ready.run("gateway", "run")
    assert (done.status, done.json["error"]["detail"]["path"]) == (1, str(ready.home / "gateway.sock"))


def test_long_home_and_leftover_socket(program: Any, provider: Any, tmp_path: Path) -> None:
    program.home = tmp_path / ("h" * 120) / ("i" * 120)
    program.home.parent.mkdir()
    program.write_config(provider.config())
    program.add("lane0")
    first = Gateway(program).process
    assert (program.home / "gateway.sock").stat().st_mode & 0o777 == 0o600
    first.kill()
    first.wait(10)
    assert (program.home / "gateway.sock").exists()
    assert program.finish(program.start_agent("lane0", "hello")).json["via"] == "local"
    second = Gateway(program).process
    assert program.finish(program.start_agent("lane0", "hello")).json["via"] == "gateway"
    second.terminate()
    assert second.wait(20) == 143


def test_too_many_clients_are_turned_away_and_nobody_else(
    ready: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))

    gateway = serve(preexec_fn=limited)
    monkeypatch.chdir(ready.home)
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for one in crowd:
        one.settimeout(10)
        one.connect("gateway.sock")
    greeted = [one.recv(100).startswith(b'{"event": "ready"') for one in crowd]
    assert greeted.count(True) > 5
    assert greeted[-1] is False
    turned_away = ready.finish(ready.start_agent("lane0", "hello"))
    assert turned_away.code == "gateway-unresponsive"
    for one in crowd:
        one.close()
    assert ready.finish(ready.start_agent("lane0", "hello")).json["via"] == "gateway"
    assert gateway.poll() is None


def test_gateway_without_any_descriptor_neither_ends_nor_spins(
    ready: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that it keeps to turn clients away is of no use once the limit is below it."""
    gateway = serve()
    monkeypatch.chdir(ready.home)
    before = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        client.connect("gateway.sock")
        worked = processor_seconds(gateway.pid)
        with pytest.raises(TimeoutError):
            client.recv(100)
        assert processor_seconds(gateway.pid) - worked < 0.2
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, before)
        client.settimeout(10)
        assert client.recv(100).startswith(b'{"event": "ready"')
    assert ready.finish(ready.start_agent("lane0", "hello")).json["via"] == "gateway"
    gateway.terminate()
    assert gateway.wait(10) == 143


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_signals_during_work_lose_nothing(ready: Any, serve: Serve, provider: Any) -> None:
    """Several runs and the gateway's end at once: every client gets its one document."""
    for number in range(4):
        ready.add(f"own{number}")
    gateway = serve()
    clients = [ready.start_agent(f"own{number}", "stall") for number in range(4)]
    provider.wait_for(4)
    gateway.terminate()
    done = [ready.finish(client) for client in clients]
    assert [(d.status, d.code) for d in done] == [(143, "terminated")] * 4
    assert gateway.wait(10) == 143
    assert {r["status"] for r in ready.runs("--all")} == {"cancelled"}


def test_draining_gateway_takes_no_more_runs(
    ready: Any, serve: Serve, provider: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was let in before its end began is refused, and not given a run that would be cut off."""
    gateway = serve()
    waiting = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    [run] = ready.runs()
    monkeypatch.chdir(ready.home)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect("gateway.sock")
        answers = connection.makefile("rb")
        assert json.loads(answers.readline())["event"] == "ready"
        os.kill(run["pid"], signal.SIGSTOP)  # so that the end takes its time
        gateway.terminate()
        until(lambda: not (ready.home / "gateway.sock").exists())
        request = Request.checked(agent="lane0", session=None, message="hello", timeout=None, run_id="r-late", chain="")
        connection.sendall(json.dumps({"op": "run", "request": request.fields()}).encode() + b"\n")
        refused = json.loads(answers.readline())
        os.kill(run["pid"], signal.SIGCONT)
    assert (refused["event"], refused["error"]["kind"], refused["error"]["code"]) == (
        "refused", "local", "gateway-stopping",
    )  # fmt: skip
    assert ready.finish(waiting).code == "terminated"
    assert gateway.wait(10) == 143
    assert [r["id"] for r in ready.runs("--all")] == [run["id"]]


def test_worker_that_cannot_be_heard_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client was told that nothing was started."""
    started: list[int] = []

    def out_of_descriptors(pid: int) -> int:
        started.append(pid)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    request = Request.checked(agent="lane0", message="hello", session=None, timeout=None, run_id="r-1")
    gc.collect()  # what earlier tests left goes now, or not before the end
    before = set(Path("/proc/self/fd").iterdir())
    monkeypatch.setattr(os, "pidfd_open", out_of_descriptors)
    with pytest.raises(OSError, match="Too many open files"):
        Worker(Parts.default(), request)
    assert not Path(f"/proc/{started[0]}").exists()
    assert set(Path("/proc/self/fd").iterdir()) <= before


def test_run_id_that_was_used_is_refused(
    ready: Any, serve: Serve, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = ready.agent("lane0", "hello").json["run"]["id"]
    serve()
    monkeypatch.chdir(ready.home)
    request = {
        "agent": "lane0",
        "message": "again",
        "session": "main",
        "timeout": 30,
        "run_id": run_id,
        "via": "gateway",
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect("gateway.sock")
        connection.sendall(json.dumps({"op": "run", "request": request}).encode() + b"\n")
        with connection.makefile("rb") as lines:
            answers = [json.loads(lines.readline()) for _ in range(2)]
    assert answers[1]["error"]["code"] == "run-exists"
    assert len(provider.requests) == 1


def test_tool_that_asks_the_gateway_for_its_own_session_is_refused_at_once(ready: Any, serve: Serve) -> None:
    serve()
    inner = " ".join(ready.argv("agent", "--json", "--agent", "lane0", "--message", "inner"))
    done = ready.finish(ready.start_agent("lane0", f"run: {inner}"))
    assert "session-busy" in done.json["text"]
    assert done.json["run"]["seconds"] < 4


def test_a_file_in_the_place_of_the_socket_stays(ready: Any) -> None:
    (ready.home / "gateway.sock").write_text("precious")
    done = ready.run("gateway", "run")
    assert (done.status, done.code) == (1, "address-taken")
    assert "move it away" in done.json["error"]["hint"]
    assert (ready.home / "gateway.sock").read_text() == "precious"


def test_gateway_whose_socket_was_removed_ends_as_ever(ready: Any, serve: Serve, provider: Any) -> None:
    gateway = serve()
    client = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    (ready.home / "gateway.sock").unlink()
    gateway.terminate()
    done = ready.finish(client)
    assert (done.status, done.code) == (143, "terminated")
    assert gateway.wait(20) == 143


@pytest.mark.parametrize("made", ["damaged", "folder"])
def test_gateway_needs_no_config(ready: Any, serve: Serve, made: str) -> None:
    (ready.home / "config.json").unlink()
    if made == "folder":
        (ready.home / "config.json").mkdir()
    else:
        (ready.home / "config.json").write_text("{ damaged")
    gateway = serve()
    assert ready.run("gateway", "stop").status == 0
    assert gateway.wait(10) == 143


def test_gateway_that_holds_its_lock_without_a_record_is_not_absent(ready: Any, serve: Serve) -> None:
    serve()
    path = ready.home / "locks" / "gateway.lock"
    os.truncate(path, 0)
    done = ready.run("gateway", "stop")
    assert done.code == "gateway-unknown"
    assert str(path) in done.json["error"]["hint"]


def test_run_that_cannot_be_recorded_does_not_go_on(ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client was told that the gateway refused it."""

    def fails(pid: int) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setenv("REFERENCE_HOME", str(ready.home))
    server = Server(Parts.default(), Home(str(ready.home)).make(), 1.0)
    request = Request.checked(agent="lane0", message="hello", session=None, timeout=None, run_id="r-1", via="gateway")
    ours, theirs = socket.socketpair()
    with ours, contextlib.closing(server.listener), contextlib.closing(server.selector):
        client = Client(theirs)
        monkeypatch.setattr(identity, "start_time", fails)
        with pytest.raises(OSError, match="Input/output"):
            server._run(client, {"op": "run", "request": request.fields()})
        [worker] = server.workers
        assert server.workers[worker] is None
        assert worker in server.told
        worker.signal(signal.SIGKILL)
        worker.close()
        theirs.close()
