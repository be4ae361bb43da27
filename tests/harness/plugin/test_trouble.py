"""What goes wrong in a session and is nobody's violation: our own failures, odd adapters, no conductor."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.harness.plugin.place import LIMIT, TARGET

TIMED_OUT = """
import asyncio, os, signal
import pytest
from harness.scenario import scenario
from harness.targets.protocol import Raw, Setup

def judge(history): return []

def over(number, frame): pytest.fail("Timeout (>1.0s)")  # as pytest-timeout does it

@scenario('CFG-1', fault='', judges=[judge])
async def test_a_endless(lab):
    'Endless.'
    lab.prepare(Setup())
    await lab.start(Raw(words=('import time; print(1, flush=True); time.sleep(600)',)), 'endless')
    signal.signal(signal.SIGALRM, over)
    os.kill(os.getpid(), signal.SIGALRM)
    await asyncio.Event().wait()

@scenario('CFG-2', fault='', judges=[judge])
async def test_b_next(lab):
    'Next.'
    lab.prepare(Setup())
    await lab.run(Raw(words=('pass',)), 'next')
    assert len(asyncio.all_tasks()) < 4, asyncio.all_tasks()
"""


def test_a_timeout_of_another_plugin_is_unknown_and_leaves_the_next_alone(place):
    (place.folder / "test_mine.py").write_text(TIMED_OUT)
    done = place.run(*TARGET, "test_mine.py")
    assert place.verdicts() == {"a_endless": "UNKNOWN", "b_next": "CONFORMS"}, done.stdout
    assert "the lab failed: Timeout (>1.0s)" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_without_the_conductor_the_record_says_so(place):
    done = place.run(*TARGET, "--no-conductor", "-k", "conforms")
    assert done.returncode == 0, done.stdout
    [result] = place.record()["results"]
    assert result["fault_arm"]["runs"] == 10
    assert "not sealed" in result["control"]
    assert "not sealed" in place.record()["machine"]["conductor"]


def test_in_a_sandbox_that_has_a_listener_the_record_says_so(place):
    """The kernel gives one listener to a tree (EBUSY): pytest itself runs under one here."""
    code = """
import os, subprocess, sys
from harness.conductor import kernel
from harness.conductor.filter import program
kernel.install_filter(program(()))  # it stops nothing, and nobody listens
sys.exit(subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]]).returncode)
"""
    argv = [sys.executable, "-c", code, "-p", "no:cacheprovider", *TARGET, "-k", "conforms"]
    done = subprocess.run(argv, cwd=place.folder, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [result] = place.record()["results"]
    assert result["fault_arm"]["runs"] == 10
    assert "not sealed" in result["control"]
    assert "not sealed" in place.record()["machine"]["conductor"]


def test_a_killed_launcher_makes_one_run_unknown(place):
    with (place.folder / "test_toys.py").open("a") as file:
        file.write(
            """

@scenario("CFG-8", fault="", judges=[all_succeed])
async def test_a_kill(lab):
    \"\"\"The launcher dies.\"\"\"
    import os
    lab.prepare(Setup())
    await lab.start(Raw(words=("import signal; signal.pause()",)), "one")
    os.kill(lab.launcher.pid, 9)
    await lab.actors["one"].finished()


@scenario("CFG-8", fault="", judges=[all_succeed])
async def test_the_next(lab):
    \"\"\"The next run has a launcher of its own.\"\"\"
    lab.prepare(Setup())
    await lab.run(Raw(words=("",)), "one")
"""
        )
    done = place.run(*TARGET, "-k", "kill or next")
    assert done.returncode == 1
    assert place.verdicts() == {"a_kill": "UNKNOWN", "the_next": "CONFORMS"}
    assert "the launcher is gone" in done.stdout
    assert "INTERNALERROR" not in done.stdout


def test_a_config_that_has_become_no_file_is_judged_all_the_same(place):
    """A pipe would be waited for, for ever; and an adapter that does not know its own config is UNKNOWN."""
    with (place.folder / "test_toys.py").open("a") as file:
        file.write(
            """
PIPE = "import os; os.unlink('config.json'); os.mkfifo('config.json')"


@scenario("CFG-8", fault="", judges=[all_succeed])
async def test_a_pipe(lab):
    \"\"\"The config is a pipe at the end.\"\"\"
    lab.prepare(Setup())
    await lab.run(Raw(words=(PIPE,)), "one")
    assert not lab.look.config().parses


@scenario("CFG-8", fault="", judges=[all_succeed])
async def test_a_pipe_whose_name_is_lost(lab):
    \"\"\"The adapter fails in the end.\"\"\"
    lab.prepare(Setup())
    lab.target.config_file = None
"""
        )
    done = place.run(*TARGET, "-k", "pipe")
    assert place.verdicts() == {"a_pipe": "CONFORMS", "a_pipe_whose_name_is_lost": "UNKNOWN"}
    assert done.returncode == 1


def test_a_failure_of_ours_beside_the_scenario_is_unknown_and_in_the_record(place):
    """A checker list that is none: the run is over by then, and nothing of a scenario is to blame."""
    with (place.folder / "test_toys.py").open("a") as file:
        file.write(
            """

@scenario("CFG-8", fault="", judges=[all_succeed])
async def test_ours(lab):
    \"\"\"The lab's list of actors is gone.\"\"\"
    lab.prepare(Setup())
    await lab.run(Raw(words=("",)), "one")
    lab.actors = None


@scenario("CFG-8", fault="", judges=[all_succeed])
async def test_ours_is_no_text(lab):
    \"\"\"An adapter gives a number where a word should be.\"\"\"
    lab.prepare(Setup())
    await lab.run(Raw(words=(1,)), "one")
"""
        )
    done = place.run(*TARGET, "-k", "ours or conforms")
    assert done.returncode == 1
    assert place.verdicts() == {"ours": "UNKNOWN", "ours_is_no_text": "UNKNOWN", "conforms": "CONFORMS"}
    assert "1 is no text" in done.stdout
    assert "the lab failed: Traceback" in done.stdout


ODD_ADAPTER = """
import sys
from dataclasses import replace
from pathlib import Path
from toy import Toy

class Odd(Toy):
    def {method}(self, *asked):
        {does}

odd = Odd()
"""


@pytest.mark.parametrize("method", ["prepare", "command", "read", "config_file"])
def test_an_adapter_that_leaves_is_unknown_and_the_session_goes_on(place, method):
    """sys.exit() is what a script says when it finds no program; from inside a task it would end the loop."""
    (place.folder / "odd.py").write_text(ODD_ADAPTER.format(method=method, does="sys.exit('no program here')"))
    done = place.run("--target", "odd.py:odd", "-k", "conforms or misses", env={"PYTHONPATH": str(place.folder)})
    assert done.returncode == 1
    assert place.verdicts() == {"conforms": "UNKNOWN", "misses": "UNKNOWN"}
    assert "no program here" in done.stdout


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("subject=Path('/x')", "subject is PosixPath('/x')"),
        ("message=b'x'", "message is b'x'"),
        ("agents={'lane0'}", "agents is {'lane0'}"),
        ("agents='lane0'", "agents is 'lane0'"),
        ("agents=(1,)", "agents is (1,)"),
        ("exit_status='0'", "exit_status is '0'"),
        ("kind='well'", "kind is 'well'"),
        ("holder=('pid', 5)", "holder is ('pid', 5)"),
    ],
)
def test_an_outcome_of_other_types_is_unknown_and_never_a_violation(place, answer, said):
    does = f"return replace(super().read(*asked), {answer})"
    (place.folder / "odd.py").write_text(ODD_ADAPTER.format(method="read", does=does))
    done = place.run("--target", "odd.py:odd", "-k", "conforms", env={"PYTHONPATH": str(place.folder)})
    assert (done.returncode, place.verdicts()) == (1, {"conforms": "UNKNOWN"})
    assert said in done.stdout


@pytest.mark.parametrize("content", ["b'SQLite format 3\\0\\xff'", "b'{'"])
def test_a_config_that_is_no_document_is_told_of_and_judged_by_nobody(place, content):
    does = f"(asked[0].home / 'config.json').write_bytes({content})"
    (place.folder / "odd.py").write_text(ODD_ADAPTER.format(method="prepare", does=does))
    done = place.run("--target", "odd.py:odd", "-k", "conforms", env={"PYTHONPATH": str(place.folder)})
    assert (done.returncode, place.verdicts()) == (1, {"conforms": "UNKNOWN"})
    assert "config.json, which is no JSON" in done.stdout
    assert "config_file must be JSON or TOML" in done.stdout


def test_a_database_in_the_place_of_the_config_is_nobodys_business_without_add_agents(place):
    """It is not read, not judged, and not copied into the record: tokens may stand in it."""
    odd = ODD_ADAPTER.replace("class Odd(Toy):", "class Odd(Toy):\n    capabilities = frozenset()\n")
    does = "(asked[0].home / 'config.json').write_bytes(b'SQLite format 3\\0\\xff')"
    (place.folder / "odd.py").write_text(odd.format(method="prepare", does=does))
    done = place.run("--target", "odd.py:odd", "-k", "conforms", env={"PYTHONPATH": str(place.folder)})
    assert (done.returncode, place.verdicts()) == (0, {"conforms": "CONFORMS"})
    assert "SQLite" not in (place.folder / "reports/out/latest/record.json").read_text()
