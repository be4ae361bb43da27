"""The plug-in as a user meets it: real pytest sessions on scenarios and a target outside the project."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
TARGET = ("--target", "toy.py:toy")
LIMIT = 120  # seconds, on a machine that is busy with something else


class Place:
    """A folder with scenarios and a target, and nothing of the project but the installed plug-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(HERE / "toy.py", folder / "toy.py")
        shutil.copy(HERE / "toys.py", folder / "test_toys.py")

    def run(self, *words, env=None):
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
        return subprocess.run(
            argv, cwd=self.folder, env={**os.environ, "COLUMNS": "250", **(env or {})}, capture_output=True,
            timeout=LIMIT, text=True,
        )  # fmt: skip

    def record(self, folder="reports/out/latest"):
        return json.loads((self.folder / folder / "record.json").read_text())

    def verdicts(self, folder="reports/out/latest"):
        return {result["scenario"]: result["verdict"] for result in self.record(folder)["results"]}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


EXPECTED = {
    "conforms": "CONFORMS",
    "violates": "VIOLATED",
    "breaks": "UNKNOWN",
    "misses": "INCONCLUSIVE",
    "needs": "UNSUPPORTED",
}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_verdicts_outcomes_and_record(place, workers):
    done = place.run(*TARGET, "-n", workers)
    assert done.returncode == 1
    assert "1 passed" in done.stdout
    assert "3 failed" in done.stdout
    assert "1 skipped" in done.stdout
    assert place.verdicts() == EXPECTED
    assert place.record()["interrupted"] is False
    for name in ("report.md", "report.html"):
        assert (place.folder / "reports/out/latest" / name).stat().st_size > 0
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert done.stderr == ""
    where = {result["where"] for result in place.record()["results"]}
    assert where == {f"test_toys.py::test_{name}" for name in EXPECTED}


BAD = {
    ("--target", "nobody"): "there is no target 'nobody'",
    ("--target", "variant:nobody"): "there is no variant 'nobody'",
    ("--target", "openclaw@latest"): "adapter for openclaw",
    ("--target", "missing.py:toy"): "there is no file missing.py",
    ("--target", "toy.py:missing"): "has no 'missing'",
    ("--target", "toy.py:os"): "not an adapter",
    ("--target", "broken.py:toy"): "cannot be imported",
    ("--rule", "CFG-999"): "there is no rule 'CFG-999'",
    ("--rules", "missing.toml"): "missing.toml: cannot be read as rules",
    ("--rules", "again.toml"): "again.toml: rule CFG-1 (again) stands twice",
    ("--rules", "level.toml"): "rule 'OWN-1': the level is 'must', not MUST or SHOULD",
    ("--rules", "lacks.toml"): "rule 'OWN-1' lacks sources",
    ("--rules", "nameless.toml"): "a [[rule]] lacks id",
    ("--rules", "more.toml"): "rule 'OWN-1' has severity besides",
    ("--rules", "reason.toml"): "rule 'OWN-1': reason is words, and definite is true or false, without quotes",
    ("--rules", "definite.toml"): "rule 'OWN-1': reason is words, and definite is true or false, without quotes",
    ("--rules", "typo.toml"): "it has no [[rule]]",
    ("--rules", "one.toml"): "it has no [[rule]]",
    ("--rules", "/dev/zero"): "/dev/zero: cannot be read as rules: it is no file",
    ("--rules", "source.toml"): "rule 'OWN-1': sources is a list",
    ("--rules", "id.toml"): "rule 'own': an id is like CFG-1",
    ("--replay", "nonsense"): "is not a replay token",
    ("--replay", "conforms@reference#1", *TARGET): "contradicts --replay",
    ("--replay", "nothing@toy.py:toy#1"): "there is no scenario 'nothing' here",
    ("--baseline", "missing.json", *TARGET): "missing.json",
    ("--baseline", "toy.py", *TARGET): "not JSON",
    ("--baseline", "others.json", *TARGET): "this baseline is for openclaw, the target is toy@1",
    ("--report", "toy.py/below", *TARGET): "cannot be made",
    ("--report", "/sys", *TARGET): "cannot be written",  # for root as well
    ("-f", "--report", "seen", *TARGET): "`pytest -f` would run again for each report",
    ("--schedules", "0"): "at least 1",
    ("--schedules", "²"): "at least 1",
    ("--stress", "-1"): "at least 1",
    ("--seed", "x"): "at least 0",
    ("--target", ""): "it is empty",
    ("--replay", "", *TARGET): "it is empty",
}


RULE = (
    '[[rule]]\nid = "OWN-1"\nname = "own"\nlevel = "MUST"\nstatement = "Ours."\nsources = ["https://ours.example/7"]\n'
)
BAD_RULES = {
    "again.toml": ('"OWN-1"\nname = "own"', '"CFG-1"\nname = "again"'),
    "level.toml": ("MUST", "must"),
    "lacks.toml": ("sources", "# sources"),
    "nameless.toml": ('id = "OWN-1"', ""),
    "reason.toml": ("level", "reason = 1\nlevel"),
    "definite.toml": ("level", 'definite = "true"\nlevel'),
    "source.toml": ('["https://ours.example/7"]', '"OC#1"'),
    "id.toml": ("OWN-1", "own"),
    "more.toml": ("level", "severity = 1\nlevel"),
    "typo.toml": ("[[rule]]", "[[rules]]"),
    "one.toml": ("[[rule]]", "[rule]"),
}


DRIVER = """
import contextlib, io, json, sys, pytest
for words in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pytest.main(["-p", "no:cacheprovider", *words])
    print(json.dumps([int(code), said.getvalue()]))
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """What each of the impossible options leads to; one process asks pytest for all of them, to save its start."""
    place = Place(tmp_path_factory.mktemp("bad"))
    for name, change in BAD_RULES.items():
        (place.folder / name).write_text(RULE.replace(*change))
    (place.folder / "broken.py").write_text("raise RuntimeError('on import')\n")
    (place.folder / "others.json").write_text('{"target": "openclaw", "expected": {}}')
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=place.folder, input=json.dumps(list(BAD)), capture_output=True, text=True,
        timeout=LIMIT, check=True,
    )  # fmt: skip
    return dict(zip(BAD, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("words", BAD, ids=lambda words: "=".join(words[:2]))
def test_impossible_options_are_one_clear_message(refusals, words):
    code, output = refusals[words]
    assert code == 4, output
    assert output.count(BAD[words]) == 1, output
    assert "Traceback" not in output
    assert "INTERNALERROR" not in output


@pytest.mark.parametrize(
    ("told", "reason", "definite", "certainty"),
    [
        ("", "", False, "to be confirmed by a reader"),
        ('reason = "We lose."\ndefinite = true\n', "We lose.", True, "definite"),
    ],
)
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_rule_of_ones_own(place, workers, told, reason, definite, certainty):
    """One that does not say what its findings are worth has them confirmed."""
    (place.folder / "own.toml").write_text(RULE + told)
    toys = place.folder / "test_toys.py"
    toys.write_text(toys.read_text().replace("CFG-2", "OWN-1").replace('rule="CFG-1"', 'rule="OWN-1"'))
    assert "there is no rule 'OWN-1'" in place.run(*TARGET).stderr
    done = place.run(*TARGET, "--rules", "own.toml", "--rule", "own-1", "-n", workers)
    assert place.verdicts() == {"violates": "VIOLATED"}
    assert place.record()["rules"] == [
        {
            "id": "OWN-1", "name": "own", "level": "MUST", "statement": "Ours.", "sources": ["https://ours.example/7"],
            "reason": reason, "definite": definite,
        }
    ]  # fmt: skip
    assert f"(OWN-1, {certainty})" in (place.folder / "reports/out/latest/report.md").read_text()
    assert "OWN-1" in done.stdout
    assert "Reported in: <https://ours.example/7>" in (place.folder / "reports/out/latest/report.md").read_text()


@pytest.mark.parametrize("words", [("--target", "nobody"), ("--replay", "nothing@toy.py:toy#1")])
def test_workers_do_not_all_say_it(place, words):
    done = place.run(*words, "-n", "2")
    output = done.stdout + done.stderr
    assert done.returncode == 4, output
    assert output.count(BAD[words]) == 1, output
    assert "Traceback" not in output
    assert "INTERNALERROR" not in output


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_name_given_twice_is_refused(place, workers):
    shutil.copy(place.folder / "test_toys.py", place.folder / "test_more.py")
    done = place.run(*TARGET, "-n", workers)
    output = done.stdout + done.stderr
    assert done.returncode == 4, output
    assert output.count("two scenarios are called") == 1
    assert "rename one" in output
    assert not (place.folder / "reports" / "out" / "latest" / "record.json").exists()


def test_a_scenario_that_begins_with_a_turn_is_told_to_prepare(place):
    (place.folder / "test_mine.py").write_text(
        "from harness.scenario import scenario\nfrom harness.targets.protocol import Raw\n"
        "@scenario('CFG-1', fault='', judges=[lambda history: []])\n"
        "async def test_early(lab):\n    'Early.'\n    await lab.run(Raw(words=('pass',)), 'early')\n"
    )
    done = place.run(*TARGET, "test_mine.py")
    assert "the scenario has not called lab.prepare(Setup(…)), which makes the home" in done.stdout


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


def test_a_scenario_of_an_unknown_rule_is_refused(place):
    path = place.folder / "test_toys.py"
    path.write_text(path.read_text().replace("CFG-6", "CFG-999"))
    done = place.run(*TARGET)
    assert done.returncode == 4
    assert "test_toys.py::test_needs: there is no rule 'CFG-999'" in done.stderr


def test_stress_and_schedules_are_counted(place):
    done = place.run(*TARGET, "--stress", "3", "--schedules", "2", "-n", "2", "-k", "conforms or violates")
    assert done.returncode == 1
    arms = {r["scenario"]: (r["fault_arm"]["runs"], r["control_arm"]["runs"]) for r in place.record()["results"]}
    assert arms == {"conforms": (6, 3), "violates": (6, 3)}
    [violates] = [r for r in place.record()["results"] if r["scenario"] == "violates"]
    assert violates["fault_arm"]["violated"] == 6


@pytest.mark.parametrize(
    ("words", "tried"), [(("--schedules", "1"), 2), (("--schedules", "1", "--points", "3"), 3), ((), 4)]
)
def test_a_single_schedule_is_a_quick_look(tmp_path, words, tried):
    scenario = f"{PROJECT}/scenarios/test_resources.py::test_cancel_on_a_full_disk"
    done = Place(tmp_path).run(scenario, "--report", str(tmp_path / "mine"), *words)
    assert done.returncode == 0, done.stdout
    [result] = json.loads((tmp_path / "mine" / "record.json").read_text())["results"]
    assert any(f": {tried} of " in line for line in result["not_verified"]), result["not_verified"]


@pytest.mark.parametrize("token", ["violates@toy.py:toy#5", "violates@toy.py:toy#5!control"])
def test_replay_repeats_exactly_one_run(place, token):
    done = place.run("--replay", token)
    control = token.endswith("!control")
    assert done.returncode == (0 if control else 1)
    [result] = place.record()["results"]
    assert (result["fault_arm"]["runs"], result["control_arm"]["runs"]) == ((0, 1) if control else (1, 0))
    assert result["token"] == token
    assert result["verdict"] == ("CONFORMS" if control else "VIOLATED")


def test_a_schedule_that_the_scenario_does_not_follow_is_no_replay(place):
    done = place.run("--replay", "conforms@toy.py:toy#5:one.1>two~uEP")
    assert done.returncode == 1
    assert place.verdicts() == {"conforms": "UNKNOWN"}
    assert "nothing was replayed" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        (*TARGET, "--rootdir", "..", "-k", "violates"),  # node ids begin with this folder's name
        ("--pyargs", "scenarios", "--target", "reference", "-k", "unknown_keys"),  # node ids begin in that folder
    ],
    ids=["another root", "shipped"],
)
def test_the_replay_line_works_where_the_session_ran(place, words):
    place.run(*words, "--report", "mine")
    [first] = place.record("mine")["results"]
    place.run(*shlex.split(first["replay"])[1:], "--report", "again")
    [again] = place.record("again")["results"]
    assert (again["token"], again["verdict"]) == (first["token"], first["verdict"])


def test_a_baseline_expects_violations_and_nothing_else(place):
    expected = {name: {"verdict": verdict} for name, verdict in EXPECTED.items()}
    baseline = place.folder / "baseline.json"
    baseline.write_text(json.dumps({"target": "toy@1", "expected": expected}))
    done = place.run(*TARGET, "--baseline", "baseline.json", "-v")
    assert done.returncode == 0, done.stdout
    assert "VIOLATED (expected)" in done.stdout
    expected["violates"]["verdict"], expected["conforms"]["verdict"] = "CONFORMS", "VIOLATED"
    baseline.write_text(json.dumps({"target": "toy@1", "expected": expected}))
    done = place.run(*TARGET, "--baseline", "baseline.json")
    assert done.returncode == 1
    assert "violates: expected CONFORMS, but it is VIOLATED" in done.stdout
    assert "conforms: expected VIOLATED, but it is CONFORMS" in done.stdout


def test_options_of_pytest_itself(place):
    listed = place.run(*TARGET, "--co", "-q")
    assert listed.returncode == 0
    assert listed.stdout.count("::test_") == 5
    assert not (place.folder / "reports").exists()
    stopped = place.run(*TARGET, "-x", "-q", "-k", "violates or misses")
    assert stopped.returncode == 1
    assert list(place.verdicts()) == ["violates"]
    first = subprocess.run(
        [sys.executable, "-m", "pytest", *TARGET, "-q", "-k", "conforms or violates"], cwd=place.folder, check=False,
        capture_output=True, timeout=LIMIT,
    )  # fmt: skip
    assert first.returncode == 1
    again = subprocess.run(
        [sys.executable, "-m", "pytest", *TARGET, "--lf", "-v"], cwd=place.folder, check=False, capture_output=True,
        text=True, timeout=LIMIT,
    )  # fmt: skip
    assert re.search(r"test_violates VIOLATED", again.stdout)
    assert list(place.verdicts()) == ["violates"]


def test_only_one_rule(place):
    done = place.run(*TARGET, "--rule", "cfg-1")
    assert done.returncode == 0
    assert list(place.verdicts()) == ["conforms"]
    assert "4 deselected" in done.stdout


def test_other_tests_are_left_alone(tmp_path):
    (tmp_path / "test_own.py").write_text("def test_a(): pass\ndef test_b(): assert not 1\n")
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "Pileup" not in done.stdout
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["test_own.py"]


def test_a_report_that_cannot_be_written_is_told_before_the_first_run(place):
    (place.folder / "reports").write_text("a file where a folder should be\n")
    done = place.run(*TARGET)
    assert done.returncode == 4
    assert "--report DIR" in done.stderr
    elsewhere = place.run(*TARGET, "--report", "elsewhere", "-k", "conforms")
    assert elsewhere.returncode == 0
    assert place.verdicts("elsewhere") == {"conforms": "CONFORMS"}


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


def test_a_scenario_without_docstrings_says_why(place):
    done = place.run(*TARGET, "-k", "conforms", env={"PYTHONOPTIMIZE": "2"})
    assert done.returncode == 2
    assert "unset PYTHONOPTIMIZE" in done.stdout


@pytest.mark.parametrize("scenario", ["detached_by_a_finished_command", "cancelled_in_mid_compile"])
def test_a_temporary_folder_whose_name_a_shell_would_split(place, scenario):
    """Scenarios wrote paths into shell commands as they are: these, and END-1, hung on the reference."""
    (odd := place.folder / "it's a \"$folder").mkdir()
    done = place.run("--pyargs", "scenarios", "-k", scenario, env={"TMPDIR": str(odd)})
    assert (done.returncode, place.verdicts()) == (0, {scenario: "CONFORMS"})
    assert list(odd.iterdir()) == []


def test_a_checkout_that_cannot_be_written_keeps_no_cache_and_says_so(place):
    """The project's own settings make errors of warnings; this one came after the last test, as a traceback."""
    settings = ("-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(PROJECT), "-o", "cache_dir=/proc/nowhere")
    argv = [sys.executable, "-m", "pytest", *settings, *TARGET, "--report", "out", "-k", "conforms", "test_toys.py"]
    done = subprocess.run(argv, cwd=place.folder, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (done.returncode, place.verdicts("out")) == (0, {"conforms": "CONFORMS"})
    assert "1 CONFORMS" in done.stdout
    assert "could not create cache path" in done.stdout


def test_an_interpreter_that_leaves_assertions_out_judges_as_any_other(place):
    """The project's own settings make errors of warnings; pytest's of such an interpreter was a traceback at once."""
    settings = ("-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(PROJECT))
    done = place.run(*settings, *TARGET, "--report", "out", "test_toys.py", env={"PYTHONOPTIMIZE": "1"})
    assert (done.returncode, place.verdicts("out")) == (1, EXPECTED)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("terminal", [False, True])
def test_colours_only_on_a_terminal(place, terminal):
    done = place.run(*TARGET, "-k", "conforms", "--color", "yes" if terminal else "auto")
    assert done.returncode == 0
    assert ("\x1b[" in done.stdout) is terminal


@pytest.mark.parametrize(
    ("apart", "said", "helps"),
    [
        (("--net",), "127.0.0.1 cannot be connected to: Network is unreachable", "ip link set lo up"),
        (("--pid", "--fork"), "/proc is that of another pid namespace: it says that we are", "unshare --mount-proc"),
    ],
)
def test_what_no_run_can_do_without_is_one_clear_message_and_nobody_is_blamed(place, apart, said, helps):
    """In a network namespace the fakes could listen, and no target reached them; in a pid namespace nobody was seen."""
    apart = ("unshare", "--user", "--map-root-user", *apart)
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespace can be made here")
    argv = [*apart, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *TARGET, "-k", "conforms"]
    done = subprocess.run(argv, cwd=place.folder, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 1
    assert said in done.stdout
    assert helps in done.stdout
    assert "VIOLATED" not in done.stdout
    doctor = subprocess.run(
        [*apart, sys.executable, "-m", "harness", "doctor"], capture_output=True, text=True, check=False
    )
    assert doctor.returncode == 1
    assert said in doctor.stdout


def test_an_unwritable_temporary_folder_is_one_clear_message(place):
    code = "import sys, tempfile, pytest; tempfile.tempdir = '/nonexistent'; sys.exit(pytest.main(sys.argv[1:]))"
    argv = [sys.executable, "-c", code, "-s", "-p", "no:cacheprovider", *TARGET, "-k", "conforms"]
    done = subprocess.run(argv, cwd=place.folder, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 1
    assert "set TMPDIR" in done.stdout
    assert "Traceback" not in done.stdout


def test_loop_on_fail_does_not_see_the_report(place):
    """`pytest -f` runs again when a visible file changes: the session itself changes none."""
    argv = [sys.executable, "-u", "-m", "pytest", "-f", *TARGET, "-k", "conforms", "test_toys.py"]
    before = set(visible(place.folder))
    with subprocess.Popen(argv, cwd=place.folder, stdout=subprocess.PIPE, text=True) as looping:
        try:
            shown = list(itertools.takewhile(lambda line: "waiting for changes" not in line, looping.stdout))
        finally:
            looping.send_signal(signal.SIGINT)
            looping.stdout.read()
    assert "report: reports/out/.latest/record.json" in "".join(shown)
    assert place.verdicts("reports/out/.latest") == {"conforms": "CONFORMS"}
    assert set(visible(place.folder)) == before


def visible(folder):
    """The files that pytest-xdist looks at, as it says it: not hidden, in no hidden folder, and not compiled."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return (path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))


@pytest.mark.parametrize("part", ["xdist", "terminal", "cacheprovider", "junitxml"])
def test_scenarios_run_without_a_part_of_pytest(part):
    """In a checkout, whose settings must not ask for a plug-in that was left out."""
    argv = [sys.executable, "-m", "pytest", "-p", f"no:{part}", "--collect-only", "scenarios/test_network.py"]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, timeout=LIMIT, text=True)
    assert done.returncode == 0, done.stderr
