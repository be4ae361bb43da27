"""What the tool tells the model, and what it refuses; run in a process of its own, as it forks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reference.tools import TOOLS, tree
from reference.tools.output import HEAD, TAIL, Output

BOUND = 20.0

DRIVER = """
import json, os, sys
from reference import stopping, tools
from reference.deadline import Deadline
from reference.errors import OrchestratorError
from reference.messages import ToolCall

class Registry:
    def __init__(self):
        self.log = []
    def start_job(self, run_id, *, pid, command, background):
        self.log.append(["start", run_id, background, os.getpid() != pid])
        if settings.get("registry") == "fails":
            raise OSError(28, "No space left on device")
        return "j-7"
    def end_job(self, job_id, status="ended"):
        self.log.append(["end", job_id, status])

settings = json.loads(sys.argv[1])
stopping.install()
before = sorted(os.listdir("/proc/self/fd"))
registry, result = Registry(), {}
try:
    for arguments in settings["calls"]:
        call = ToolCall(id="c", name=settings.get("name", "exec"), arguments=arguments)
        deadline = Deadline.after(settings.get("seconds", 20))
        result["text"] = tools.run(
            call, workspace=os.getcwd() + settings.get("below", ""), deadline=deadline, run_id="r-1",
            registry=registry, grace=0.3)
except OrchestratorError as error:
    result["error"] = error.code
except OSError as error:
    result["error"] = error.errno
result["log"] = registry.log
result["leaked"] = sorted(set(os.listdir("/proc/self/fd")) - set(before))
try:
    result["children"] = os.waitpid(-1, os.WNOHANG)[0] == 0
except ChildProcessError:
    result["children"] = False
print(json.dumps(result))
"""


@dataclass
class Done:
    """The driver's result and how long it took."""

    result: dict[str, Any]
    seconds: float

    @property
    def text(self) -> str:
        return str(self.result["text"])


@pytest.fixture
def execute(tmp_path: Path) -> Iterator[Callable[..., Done]]:
    def run(*calls: dict[str, Any], **settings: Any) -> Done:
        argv = [sys.executable, "-c", DRIVER, json.dumps({"calls": calls, **settings})]
        begun = time.monotonic()
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, timeout=BOUND, check=False)
        assert done.returncode == 0, done.stderr.decode()
        result = json.loads(done.stdout)
        assert result["leaked"] == []
        return Done(result, time.monotonic() - begun)

    yield run
    (tmp_path / "stop").touch()  # what background work waits for, whatever became of the test


def test_output_and_status(execute: Callable[..., Done], tmp_path: Path) -> None:
    done = execute({"command": "pwd; echo err >&2; exit 3"})
    assert done.text == f"{tmp_path}\nerr\n\n[exit status 3]"
    assert done.result["log"] == [["start", "r-1", False, True], ["end", "j-7", "ended"]]
    assert done.result["children"] is False


def test_success_without_output(execute: Callable[..., Done]) -> None:
    assert execute({"command": "true"}).text == "\n[exit status 0]"


def test_standard_input_is_empty(execute: Callable[..., Done]) -> None:
    assert execute({"command": "cat; echo end"}).text == "end\n\n[exit status 0]"


def test_killed_is_no_success(execute: Callable[..., Done]) -> None:
    """CHD-7"""
    assert execute({"command": "kill -SEGV $$"}).text == "\n[killed by SIGSEGV]"
    assert execute({"command": "kill -KILL $$"}).text == "\n[killed by SIGKILL]"


@pytest.mark.parametrize("often", range(5))
def test_work_that_kills_its_keeper_at_once(execute: Callable[..., Done], often: int) -> None:
    """Be it before or after the keeper has said that the work has begun: that is a result of the tool, and no error."""
    done = execute({"command": f"kill -9 $PPID; echo {often}; sleep 600"})
    assert ("error" in done.result, done.result["children"]) == (False, False)
    assert "cancelled before it had ended" in done.text


def test_own_time_limit(execute: Callable[..., Done]) -> None:
    done = execute({"command": "echo begun; trap '' TERM; while :; do sleep 0.1; done", "timeout": 0.3})
    assert done.text.startswith("begun\n\n[ended: it took longer than its timeout of 0.3 s]")
    assert done.seconds < 10
    assert done.result["log"][-1] == ["end", "j-7", "cancelled"]
    assert done.result["children"] is False


@pytest.mark.parametrize("timeout", [3_600_000, 1e9 - 1])
def test_time_limit_longer_than_poll_can_wait(execute: Callable[..., Done], timeout: float) -> None:
    """An hour in milliseconds, by a model that takes the unit for another."""
    assert execute({"command": "echo out", "timeout": timeout}, seconds=1e7).text == "out\n\n[exit status 0]"


def test_deadline_of_the_turn(execute: Callable[..., Done]) -> None:
    done = execute({"command": "sleep 600", "timeout": 500}, seconds=0.4)
    assert done.result["error"] == "deadline"
    assert done.result["children"] is False
    assert done.seconds < 10


def test_long_output_keeps_both_ends(execute: Callable[..., Done]) -> None:
    done = execute({"command": "echo first; seq 100000; echo last"})
    assert done.text.startswith("first\n1\n2\n")
    assert done.text.endswith("100000\nlast\n\n[exit status 0]")
    assert "bytes left out" in done.text
    assert len(done.text) < HEAD + TAIL + 200


def test_output_that_is_not_text(execute: Callable[..., Done]) -> None:
    assert execute({"command": "printf '\\377\\0x'"}).text == "\ufffd\0x\n[exit status 0]"


def test_endless_output_does_not_delay_the_end(execute: Callable[..., Done]) -> None:
    assert "timeout of 0.3 s" in execute({"command": "yes", "timeout": 0.3}).text


def test_closed_output_does_not_end_the_command(execute: Callable[..., Done], tmp_path: Path) -> None:
    done = execute({"command": "exec >&- 2>&-; sleep 0.2; touch made"})
    assert done.text == "\n[exit status 0]"
    assert (tmp_path / "made").exists()


def test_signals_of_the_work_have_their_defaults(execute: Callable[..., Done]) -> None:
    words = execute({"command": "grep -hE 'Sig(Blk|Ign)' /proc/self/status"}).text.split()
    library = 1 << 31 | 1 << 32  # signals 32 and 33 belong to the C library, which lets nobody change what it inherited
    assert [int(words[n], 16) & ~library for n in (1, 3)] == [0, 0]


def test_the_work_inherits_three_descriptors(execute: Callable[..., Done]) -> None:
    done = execute({"command": "cd /proc/self/fd && echo *"})
    assert done.text.split("\n")[0].split()[:3] == ["0", "1", "2"]
    assert len(done.text.split("\n")[0].split()) <= 4  # and the one with which the shell lists them


def test_background_returns_at_once(execute: Callable[..., Done], tmp_path: Path) -> None:
    work = "while [ ! -e stop ]; do sleep 0.05; done; touch stopped"
    done = execute({"command": work, "background": True})
    assert "j-7" in done.text
    assert done.result["log"] == [["start", "r-1", True, True]]
    (tmp_path / "stop").touch()
    end = time.monotonic() + BOUND
    while not (tmp_path / "stopped").exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_foreground_after_background(execute: Callable[..., Done], tmp_path: Path) -> None:
    """Taking one tree down must not touch the other, also when the first one's keeper is lost."""
    work = "while [ ! -e stop ]; do sleep 0.05; done; touch stopped"
    kill_keeper = "sleep 0.3; kill -9 $PPID; sleep 600"
    done = execute({"command": work, "background": True}, {"command": kill_keeper})
    assert "cancelled before it had ended" in done.text
    assert done.result["children"] is True  # the keeper of the background work
    (tmp_path / "stop").touch()
    end = time.monotonic() + BOUND
    while not (tmp_path / "stopped").exists():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"command": ""},
        {"command": "  \n"},
        {"command": ["ls"]},
        {"command": "ls", "background": "yes"},
        {"command": "ls", "timeout": 0},
        {"command": "ls", "timeout": -1},
        {"command": "ls", "timeout": True},
        {"command": "ls", "timeout": "5"},
        {"command": "ls", "timeout": None},
        {"command": "a\0b"},
        {"command": "\ud800"},
        {"command": "x" * 200_000},
    ],
)
def test_mistakes_of_the_model_are_told_to_it(execute: Callable[..., Done], arguments: dict[str, Any]) -> None:
    from reference import tools
    from reference.deadline import Deadline
    from reference.messages import ToolCall

    class Nobody:
        def start_job(self, *arguments: object, **more: object) -> str:
            raise AssertionError("nothing may be started")

        end_job = start_job  # type: ignore[assignment]

    call = ToolCall(id="c", name="exec", arguments=arguments)
    deadline, registry = Deadline.after(5), Nobody()
    text = tools.run(call, workspace="/", deadline=deadline, run_id="r", registry=registry, grace=0.3)  # type: ignore[arg-type]
    assert text.startswith("[error: ")


def test_unknown_tool(execute: Callable[..., Done]) -> None:
    assert "no tool 'rm'" in execute({"command": "ls"}, name="rm").text


def test_missing_workspace_is_local(execute: Callable[..., Done]) -> None:
    done = execute({"command": "touch here"}, below="/nowhere")
    assert done.result["error"] == "path-missing"
    assert done.result["children"] is False


def test_failing_registry_starts_nothing(execute: Callable[..., Done], tmp_path: Path) -> None:
    for background in (False, True):
        done = execute({"command": "touch made", "background": background}, registry="fails")
        assert done.result["error"] == 28
    end = time.monotonic() + BOUND
    while any(_works_in(tmp_path, process) for process in Path("/proc").glob("[0-9]*")):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not (tmp_path / "made").exists()


def _works_in(folder: Path, process: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def test_out_of_descriptors(tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))\n"
    argv = [sys.executable, "-c", limited + DRIVER, json.dumps({"calls": [{"command": "true"}]})]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, timeout=BOUND, check=False)
    assert b"Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"] in (24, "out-of-descriptors")


def test_schema_names_what_run_reads() -> None:
    [tool] = TOOLS
    assert tool.name == "exec"
    assert set(tool.parameters["properties"]) == {"command", "background", "timeout"}  # type: ignore[call-overload]


class TestTree:
    """Processes by identity."""

    def test_descendants_and_identity(self) -> None:
        with subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600 & wait"]) as shell:
            try:
                end = time.monotonic() + BOUND
                # A child that has not called execve(2) yet has its parent's name.
                while [process.name for process in tree.descendants(shell.pid)] != ["sleep", "sleep"]:
                    assert time.monotonic() < end
                sleep = tree.descendants(shell.pid)[0]
                wrong = tree.Process(
                    pid=sleep.pid, parent=0, group=0, started=sleep.started + 1, name="", is_dead=False
                )
                wrong.send(signal.SIGKILL)  # another start time: another process
                assert len(tree.descendants(shell.pid)) == 2
            finally:
                for process in tree.descendants(shell.pid):
                    process.send(signal.SIGKILL)
        assert tree.descendants(shell.pid) == []

    def test_names_with_brackets_and_spaces(self, tmp_path: Path) -> None:
        odd = tmp_path / "a) Z (b"
        odd.symlink_to("/bin/sleep")
        with subprocess.Popen([str(odd), "600"]) as process:
            end = time.monotonic() + BOUND
            while not (found := [p for p in tree.descendants(os.getpid()) if p.name == "a) Z (b"]):
                assert time.monotonic() < end
            assert found[0].pid == process.pid
            process.kill()


class TestOutput:
    """The bounded buffer."""

    @pytest.mark.parametrize("size", [0, 1, HEAD, HEAD + 1, HEAD + TAIL, HEAD + TAIL + 1, 3 * (HEAD + TAIL)])
    def test_bound(self, size: int) -> None:
        data = bytes(97 + index % 26 for index in range(size))
        read, write = os.pipe()
        output = Output()
        for start in range(0, size, 4096):
            os.write(write, data[start : start + 4096])
            assert output.read(read)
        os.close(write)
        output.read_rest(read)
        os.close(read)
        if size <= HEAD + TAIL:
            assert output.text().encode() == data
        else:
            assert output.text().startswith(data[:HEAD].decode())
            assert output.text().endswith(data[-TAIL:].decode())
            assert f"{size - HEAD - TAIL} bytes left out" in output.text()
