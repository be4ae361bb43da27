"""`python -m fakes` as a program: it starts, serves, says what is wrong, and leaves nothing behind."""

import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ANTHROPIC = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "[[lane0]] go"}]}


@contextmanager
def running(*words, env=None):
    """The program and what it announced; it is stopped at the end, if the body has not done so."""
    command = [sys.executable, "-m", "fakes", *map(str, words)]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    try:
        yield program, json.loads(program.stdout.readline())
    finally:
        if program.poll() is None:
            program.terminate()
        _, errors = program.communicate(timeout=10)
    assert errors == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_until_a_signal_and_frees_its_port(number, tmp_path):
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with running("--tls", "--seed-family", "f", env=env) as (program, said):
        assert said["pid"] == program.pid
        assert httpx.post(said["url"] + "/v1/messages", json=ANTHROPIC).json()["content"][0]["text"] == "ok"
        assert Path(said["ca_file"]).read_bytes().startswith(b"-----BEGIN CERTIFICATE")
        program.send_signal(number)
        assert program.wait(10) == 0
    assert list(tmp_path.iterdir()) == []
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", said["port"]))


def test_a_signal_in_the_middle_of_its_start_is_no_traceback(tmp_path):
    """An import is what it is at, nearly all of the time before it serves; this one interrupts it."""
    (tmp_path / "argparse.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-m", "fakes"], capture_output=True, text=True, env=env, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_it_outlives_its_terminal_under_nohup():
    command = ["nohup", sys.executable, "-m", "fakes"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    said = json.loads(program.stdout.readline())
    program.send_signal(signal.SIGHUP)
    assert httpx.get(said["url"] + "/v1/models").status_code == 200
    program.terminate()
    program.communicate(timeout=10)
    assert program.returncode == 0


def test_a_signal_ends_it_while_a_reply_is_held(tmp_path):
    script = tmp_path / "s.json"
    reply = {"kind": "stall", "gate": "g"}
    script.write_text(json.dumps({"rules": [{"name": "r", "replies": [reply]}]}))
    journal = tmp_path / "journal.jsonl"
    with running("--script", script, "--journal", journal) as (program, said):
        body = json.dumps(ANTHROPIC).encode()
        with socket.create_connection(("127.0.0.1", said["port"]), timeout=10) as client:
            client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            while httpx.get(said["url"] + "/__fakes__/held").json() != {"g": 1}:
                pass
            program.terminate()
            assert program.wait(10) == 0
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [event["event"] for event in events] == ["RequestReceived", "ReplyHeld", "ReplySent"]
    assert events[-1]["outcome"] == "held-then-dropped"


CHALLENGE = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}


def test_gates_journal_and_families_over_http(tmp_path):
    script = tmp_path / "s.toml"
    script.write_text('[[rules]]\nname = "r"\nreplies = [ { kind = "text", text = "x", gate = "g h" } ]\n')
    with running("--script", script, "--seed-family", "f", "--expired") as (_, said):
        control = said["url"] + "/__fakes__/"
        assert httpx.post(control + "release/g%20h").json() == {"gate": "g h", "released": 0}
        assert httpx.post(said["url"] + "/v1/messages", json=ANTHROPIC).status_code == 200
        credentials = json.loads(Path(said["credentials_file"]).read_text())
        assert stat.S_IMODE(Path(said["credentials_file"]).stat().st_mode) == 0o600
        families = httpx.get(control + "oauth").json()["families"]
        assert [family["name"] for family in families] == ["f"]
        journal = httpx.get(control + "journal").text
        assert [json.loads(line)["event"] for line in journal.splitlines()] == [
            "RequestReceived",
            "ReplySent",
        ]
        assert credentials[0]["refresh_token"] not in journal + json.dumps(families)
        assert httpx.get(control + "nothing").status_code == 404
        for count in ("x", "9" * 5000):
            assert httpx.post(control + f"release/g?count={count}").status_code == 400


def test_clients_and_places_to_return_to_of_ones_own():
    asked = {"response_type": "code", "client_id": "mine", "redirect_uri": "app://back", "state": "s"}
    with running("--client-id", "mine", "--redirect-uri", "app://back") as (_, said):
        found = httpx.get(said["url"] + "/authorize", params=asked | CHALLENGE)
        assert (found.status_code, found.headers["location"].partition("?")[0]) == (302, "app://back")
        stranger = httpx.get(said["url"] + "/authorize", params=asked | CHALLENGE | {"client_id": "theirs"})
        assert (stranger.status_code, stranger.json()["error"]) == (400, "invalid_request")
        assert "mine" in stranger.json()["error_description"]
        assert "--client-id" in stranger.json()["error_description"]
        nowhere = httpx.get(said["url"] + "/authorize", params=asked | CHALLENGE | {"redirect_uri": "app://other"})
        assert "--redirect-uri" in nowhere.json()["error_description"]


@pytest.mark.parametrize(
    "offered", ["HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c", "HTTP/1.0\r\nconnection: keep-alive"]
)
def test_control_closes_where_no_second_request_can_follow(offered):
    with running() as (_, said), socket.create_connection(("127.0.0.1", said["port"]), timeout=10) as client:
        client.sendall(f"GET /__fakes__/held {offered}\r\n\r\n".encode())
        assert client.makefile("rb").read().endswith(b"\r\n\r\n{}")


def test_control_answers_head_without_a_body():
    with running() as (_, said), httpx.Client(base_url=said["url"]) as client:
        for _ in range(2):  # a body would be taken for the next answer
            assert client.head("/__fakes__/held").status_code == 200


def test_a_journal_in_a_pipe_is_not_read_back():
    with running("--journal", "/dev/stderr") as (program, said):
        assert httpx.get(said["url"] + "/v1/models").status_code == 200
        assert json.loads(program.stderr.readline())["event"] == "RequestReceived"
        assert httpx.get(said["url"] + "/__fakes__/journal").status_code == 409
        assert json.loads(program.stderr.readline())["event"] == "ReplySent"


def failing(*words):
    command = [sys.executable, "-m", "fakes", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_what_cannot_start_says_so_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        cases = {
            "--port 0": failing("--port", taken.getsockname()[1]),
            "choose a file": failing("--journal", tmp_path / "missing" / "j.jsonl"),
            "is not one of strict": failing("--oauth-policy", "lenient"),
            "check the path": failing("--script", tmp_path / "missing.toml"),
            "use --host": failing("--host", "host.invalid"),
            "host is empty": failing("--host", ""),
        }
    for said, done in cases.items():
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith("fakes: ")
        assert said in done.stderr


def test_a_journal_that_cannot_grow_stops_the_program():
    command = [sys.executable, "-m", "fakes", "--journal", "/dev/full"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    httpx.post(json.loads(program.stdout.readline())["url"] + "/v1/messages", json=ANTHROPIC)
    _, errors = program.communicate(timeout=10)
    assert (program.returncode, errors.count("\n")) == (2, 1)
    assert "make room" in errors


def test_a_journal_whose_last_records_are_lost_is_told(tmp_path):
    script = tmp_path / "s.json"
    script.write_text(json.dumps({"rules": [{"name": "r", "replies": [{"kind": "stall"}]}]}))
    journal = tmp_path / "journal.jsonl"
    program = [sys.executable, "-m", "fakes", "--script", str(script), "--journal", str(journal)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = json.loads(process.stdout.readline())
    with socket.create_connection(("127.0.0.1", said["port"]), timeout=10) as client:
        body = json.dumps(ANTHROPIC).encode()
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        while httpx.get(said["url"] + "/__fakes__/held").json() != {"stall": 1}:
            pass
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (journal.stat().st_size, resource.RLIM_INFINITY))
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors.count("\n")) == (2, 1)
    assert "make room" in errors


def test_an_output_that_takes_nothing_is_told():
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "fakes"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot print the address" in done.stderr


def test_a_port_out_of_range_is_refused():
    done = failing("--port", "99999")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_help_teaches_a_script_that_loads(tmp_path):
    done = failing("--help")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip() == "[[rules]]")
    end = next(number for number, line in enumerate(lines) if line.startswith("Reply kinds"))
    script = tmp_path / "help.toml"
    script.write_text("\n".join(lines[start:end]))
    from fakes.script import Script

    assert len(Script.load(script).rules) == 2


def test_importing_the_server_loads_nothing_heavy():
    heavy = "{'httpx', 'jwt', 'cryptography', 'trustme', 'uvloop', 'pytest', 'email', 'http.client'}"
    code = f"import sys, fakes.server; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_fakes_import_nothing_else_of_the_project():
    ours = "('harness', 'reference', 'scenarios', 'reports')"
    code = "import sys, fakes.__main__, fakes.control, fakes.builds.heartbeat\n"
    code += f"print([name for name in sys.modules if name.split('.')[0] in {ours}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
