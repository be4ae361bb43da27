"""One document on standard output in every outcome, and bad input as typed errors (OPS-2, OPS-5, RES-5)."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import commands
from reference.errors import Usage, from_oserror
from reference.home import Home, checked_name
from reference.options import Command
from tests.reference.conftest import Completed


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--help",),
        ("--version",),
        ("agents", "--help"),
        ("runs", "cancel", "--help"),
        ("agents", "add", "lane0", "--help"),
        ("agents", "add", "lane0", "--workspace", "x", "-h"),
        ("agents", "list", "--json", "--help"),
        ("agents", "add", "x", "--workspace", "--help"),
    ],
)
def test_help_is_a_success(program: Any, words: tuple[str, ...]) -> None:
    done = program.run(*words)
    assert done.status == 0
    assert done.json["text"]
    assert not program.home.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("agnets",),
        ("agents",),
        ("agents", "ad", "x"),
        ("agents", "add"),
        ("agents", "add", "x"),
        ("agents", "add", "x", "--workspace"),
        ("agents", "add", "x", "y", "--workspace", "w"),
        ("agents", "add", "x", "--workspac", "w"),
        ("agents", "list", "--all"),
        ("agents", "list", "-v"),
        ("agents", "list", "--json=yes"),
        ("agents", "add", "x", "--workspace", "w", "--branch", "b"),
        ("agents", "add", "--", "--help"),
        ("agent", "--agent", "x"),
        ("agent", "--agent", "x", "--message", "m", "--timeout", "soon"),
        ("agent", "--agent", "x", "--message", "m", "--timeout", "nan"),
        ("agent", "--agent", "x", "--message", "m", "--timeout", "-1"),
        ("agent", "--agent", "x", "--message", "m", "--timeout", "0"),
        ("agent", "--agent", "x", "--message", "m", "--local", "--detach"),
        ("gateway", "worker", "--lifeline", "x"),
    ],
)
def test_wrong_usage_is_typed_with_an_example(program: Any, words: tuple[str, ...]) -> None:
    done = program.run(*words)
    assert (done.status, done.code) == (2, "bad-usage")
    assert done.json["error"]["hint"]
    assert not program.home.exists()


@pytest.mark.parametrize("words", [("--json", "agents", "list"), ("agents", "--json", "list")])
def test_option_before_the_command_is_told_where_it_belongs(program: Any, words: tuple[str, ...]) -> None:
    done = program.finish(program.start(*words))
    assert (done.status, done.code) == (2, "bad-usage")
    assert "stand behind the command: `reference agents list" in done.json["error"]["hint"]


def test_without_json_errors_go_to_stderr_alone(program: Any) -> None:
    done = program.finish(program.start("agents", "list", "--alll"))
    assert (done.status, done.stdout) == (2, b"")
    assert "unknown option '--alll'" in done.stderr


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", ".", "-a", "a b", "ä", "a" * 65, "a\n", "\udcff"])
def test_hostile_names_change_nothing(program: Any, name: str) -> None:
    for words in (("agents", "add", "--workspace", str(program.work / "w"), "--"), ("agents", "delete", "--")):
        done = program.finish(program.start(*words[:2], "--json", *words[2:], name))
        assert (done.status, done.code) == (2, "bad-name")
    assert program.agent(name, "m").code == "bad-name"
    assert not program.home.exists()
    assert not (program.work / "w").exists()


@settings(deadline=None)
@given(st.text())
def test_a_checked_name_is_one_harmless_path_component(name: str) -> None:
    try:
        checked = checked_name(name, "an agent")
    except Usage as error:
        document = json.dumps(error.document()).encode()
    else:
        assert checked == name == Path(name).name == name.lower()
        assert name not in (".", "..")
        assert name.isascii()
        return
    assert b'"bad-name"' in document


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_words_are_help_values_or_a_usage_error(words: list[str]) -> None:
    try:
        found, rest = commands.find(words)
        if isinstance(found, Command):
            found.parse(rest)
    except Usage as error:
        json.dumps(error.document()).encode()


def test_workspaces_that_cannot_be(program: Any) -> None:
    (program.work / "file").write_text("")
    for workspace, code in (
        ("", "bad-workspace"),
        (str(program.work / "file"), "bad-workspace"),
        (str(program.home), "bad-workspace"),
        (str(program.home / "locks"), "bad-workspace"),
        (str(program.work / "file" / "below"), "not-a-directory"),
        ("\udcff", "bad-workspace"),
    ):
        done = program.run("agents", "add", "lane0", "--workspace", workspace)
        assert done.code == code, done.json
        assert done.status in (1, 2)
    assert program.names() == []


def test_unknown_agent_and_bad_messages_start_nothing(ready: Any, provider: Any) -> None:
    assert ready.agent("lane7", "m").code == "unknown-agent"
    assert ready.agent("lane0", "").code == "bad-message"
    assert ready.agent("lane0", " \n").code == "bad-message"
    assert ready.agent("lane0", "x" * 100_001).code == "message-too-large"
    assert ready.agent("lane0", "\udcff").code == "bad-message"
    assert ready.agent("lane0", "m", "--session", "../x").code == "bad-name"
    assert provider.requests == []
    assert ready.runs("--all") == []
    assert list((ready.home / "sessions").iterdir()) == []


def test_deleting_what_is_not_there_makes_nothing(program: Any) -> None:
    assert program.run("agents", "delete", "lane0").code == "unknown-agent"
    assert not program.home.exists()


def test_unknown_run_is_typed(ready: Any) -> None:
    assert ready.agent("lane0", "hello").status == 0
    for verb in ("show", "cancel", "wait"):
        for run in ("r-none", "\udcff", ""):
            done = ready.run("runs", verb, run)
            assert (done.status, done.code) == (2, "unknown-run")


def test_home_that_is_a_file_is_typed(program: Any) -> None:
    program.home.write_text("")
    done = program.run("agents", "add", "lane0", "--workspace", str(program.work / "w"))
    assert (done.status, done.code) == (1, "not-a-directory")
    assert str(program.home) in done.json["error"]["message"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_home_without_permission_is_typed(program: Any) -> None:
    program.add("lane0")
    program.home.chmod(0o500)
    try:
        done = program.run("agents", "add", "lane1", "--workspace", str(program.work / "w"))
    finally:
        program.home.chmod(0o700)
    assert (done.status, done.code) == (1, "permission-denied")
    assert program.names() == ["lane0"]


def test_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a folder named ~ is made wherever the command is run."""
    for name in ("HOME", "REFERENCE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    with pytest.raises(Usage) as caught:
        Home.from_environment()
    assert caught.value.code == "no-home"


@pytest.fixture
def gone(ready: Any) -> Callable[..., Any]:
    """Runs a command in a folder that is not there any more."""

    def run(*words: str, **env: str) -> Any:
        folder = ready.work / "gone"
        folder.mkdir()
        shell = ["/bin/sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *ready.argv(*words, "--json")]
        done = subprocess.run(shell, cwd=folder, env=ready.env(**env), capture_output=True, timeout=30, check=False)
        return Completed(done.returncode, done.stdout, done.stderr)

    return run


def test_working_directory_that_is_gone_is_named_where_it_is_needed(ready: Any, gone: Callable[..., Any]) -> None:
    assert gone("agents", "list").status == 0
    for done in (gone("agents", "list", REFERENCE_HOME="x"), gone("agents", "add", "lane2", "--workspace", "x")):
        assert (done.status, done.code) == (2, "no-working-directory")
        assert "'x'" in done.json["error"]["message"]
    calls = json.dumps([["delegate", {"agent": "lane1", "message": "hello"}], ["exec", {"command": "pwd"}]])
    assert gone("agent", "--local", "--agent", "lane0", "--message", f"calls: {calls}").status == 0
    assert [run["status"] for run in ready.runs("--all")] == ["succeeded"] * 2


def test_home_that_is_too_long_for_the_database_is_typed(ready: Any) -> None:
    long = ready.home / ("x" * 250) / ("x" * 250)
    long.mkdir(parents=True)
    (long / "config.json").write_text(json.dumps(ready.config()))
    done = ready.agent("lane0", "hello", env=ready.env(REFERENCE_HOME=str(long)))
    assert (done.status, done.code) == (1, "path-too-long")
    assert "bytes" in done.json["error"]["hint"]


@pytest.mark.parametrize("parts", ["x/y/" + "n" * 300, "n/" * 2500])
def test_folder_that_cannot_be_named_leaves_none_behind(program: Any, parts: str) -> None:
    """Neither those above it, nor, a path being of any depth, an internal error."""
    there = f"{program.work}/made/{parts}"
    for words, home in (((there,), program.home), ((str(program.work),), there)):
        done = program.run("agents", "add", "lane0", "--workspace", *words, env=program.env(REFERENCE_HOME=str(home)))
        assert (done.status, done.code) == (1, "path-too-long")
    assert not (program.work / "made").exists()


@pytest.mark.parametrize(("number", "code"), [(errno.EAGAIN, "out-of-processes"), (errno.ENOMEM, "out-of-memory")])
def test_fork_that_fails_has_a_name_and_a_hint(number: int, code: str) -> None:
    error = from_oserror(OSError(number, os.strerror(number)))
    assert error.code == code
    assert "ulimit" in error.hint


def closing(*descriptors: int) -> Any:
    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return close


@pytest.mark.parametrize("descriptors", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams_neither_hang_nor_corrupt(ready: Any, descriptors: tuple[int, ...]) -> None:
    options = {"preexec_fn": closing(*descriptors)}
    assert ready.finish(ready.start("agents", "add", "lane2", "--json", "--workspace", "w2", **options)).status == 0
    agent = ("agent", "--local", "--json", "--agent", "lane0", "--message")
    assert ready.finish(ready.start(*agent, "hello", **options)).status == 0
    assert ready.finish(ready.start(*agent, "run: cat; echo out; echo err >&2", **options)).status == 0
    assert ready.names() == ["lane0", "lane1", "lane2"]
    assert [r["status"] for r in ready.runs("--all")] == ["succeeded", "succeeded"]
    assert (ready.home / "runs.sqlite").read_bytes().startswith(b"SQLite format 3\0")


def test_reader_that_left_is_reported_by_status(program: Any) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = program.finish(program.start("--help", stdout=write))
    finally:
        os.close(write)
    assert done.status == 1
    assert "standard output" in done.stderr
    assert "Traceback" not in done.stderr


def test_full_device_is_reported_by_status(program: Any) -> None:
    with Path("/dev/full").open("wb") as full:
        done = program.finish(program.start("--help", stdout=full))
    assert done.status == 1
    assert "no space left" in done.stderr


def test_nonblocking_stdout_gets_everything(program: Any) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    process = program.start("--help", stdout=write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read()
    assert program.finish(process).status == 0
    assert b"agents add" in text


@pytest.mark.parametrize(("words", "status"), [(("agents", "list"), 0), (("runs", "show", "r-none"), 2)])
def test_an_interactive_python_changes_nothing(ready: Any, words: tuple[str, ...], status: int) -> None:
    """Whoever looks into programs of their own with PYTHONINSPECT has it in the environment of all."""
    done = ready.run(*words, env=ready.env(PYTHONINSPECT="1"))
    assert (done.status, list(ready.home.glob("crash-*"))) == (status, [])
    assert done.json["ok"] is (status == 0)


def test_our_own_bug_is_a_document_and_a_file(program: Any) -> None:
    """A bug is provoked by a part that raises what nobody expects."""
    program.home.mkdir()
    script = (
        "import sys\n"
        "from reference.cli import main\n"
        "from reference.parts import Parts\n"
        "def broken(home): raise ZeroDivisionError('secret')\n"
        "sys.exit(main(Parts.default().replace(config_store=broken), ['agents', 'list', '--json']))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], env=program.env(), capture_output=True, check=False)
    document = json.loads(ran.stdout)
    assert ran.returncode == 1
    assert document["error"]["kind"] == "internal"
    assert b"Traceback" not in ran.stderr
    assert "ZeroDivisionError" in Path(document["error"]["detail"]["traceback"]).read_text()


RAISED = {
    "MemoryError()": "out-of-memory",
    "ImportError('libssl.so.3: failed to map segment', name='_ssl', path='/usr/lib/_ssl.so')": "library-unusable",
    "ImportError('no such name', name='reference.runs', path='/reference/runs.py')": "internal",
}


@pytest.mark.parametrize("raised", RAISED)
def test_an_interpreter_that_cannot_go_on_is_not_our_bug(program: Any, raised: str) -> None:
    """What a limit of the address space does stands for it; where it strikes is another place on every machine."""
    program.home.mkdir()
    script = (
        "import sys\n"
        "from reference.cli import main\n"
        "from reference.parts import Parts\n"
        f"def broken(home): raise {raised}\n"
        "sys.exit(main(Parts.default().replace(config_store=broken), ['agents', 'list', '--json']))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], env=program.env(), capture_output=True, check=False)
    error = json.loads(ran.stdout)["error"]
    assert (ran.returncode, error["code"], error["code"] == "internal") == (
        1,
        RAISED[raised],
        any(program.home.iterdir()),
    )
    assert error["hint"]


def test_a_limit_of_file_sizes_is_named_also_where_sqlite_does_not(ready: Any) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    before = ready.config()
    done = ready.agent("lane0", "hello", preexec_fn=limited)
    assert (done.status, done.code, done.json["error"]["hint"]) == (
        1,
        "file-too-large",
        "raise the limit with `ulimit -f`",
    )
    assert ready.config() == before
    assert ready.agent("lane0", "hello").status == 0


@pytest.mark.parametrize("descriptors", range(4, 24, 2))
def test_out_of_descriptors_is_typed(ready: Any, descriptors: int) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    before = ready.config()
    done = ready.agent("lane0", "hello", preexec_fn=limited)
    if done.status == 0:
        return
    if done.stdout:
        assert done.code in ("out-of-descriptors",), done.json
    else:
        assert descriptors <= 4, done.stderr  # too few for the interpreter itself
    assert ready.config() == before
    assert ready.agent("lane0", "again").status == 0


HEAVY = ("argparse", "asyncio", "dataclasses", "httpx", "inspect", "logging", "sqlite3", "subprocess", "typing")


def test_adding_an_agent_imports_nothing_heavy(program: Any) -> None:
    """Start-up time decides how wide a race between commands is, and how long a test run takes."""
    script = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from reference.cli import main\n"
        "from reference.parts import Parts\n"
        "main(Parts.default(), ['agents', 'add', 'lane0', '--workspace', 'w', '--json'])\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    argv = [sys.executable, "-c", script]
    ran = subprocess.run(argv, env=program.env(), cwd=program.work, capture_output=True, check=True)
    document, loaded = ran.stdout.decode().splitlines()
    assert json.loads(document)["ok"] is True
    assert "reference.config" in loaded.split()
    assert not set(HEAVY) & set(loaded.split())
