"""The plug-in as a user meets it: real pytest sessions on scenarios and a target outside the project."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.harness.plugin.place import EXPECTED, LIMIT, PROJECT, TARGET, Place


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
