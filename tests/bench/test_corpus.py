"""Every seeded bug is real, every twin is free of it, and a catalog that is wrong says where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.corpus import CorpusError, Ending, Language, Program, Twin, judge, load, materialise, unavailable
from bench.corpus import __main__ as command
from bench.corpus.catalog import CATALOG
from bench.corpus.plain import at_once, one_by_one
from bench.corpus.proof import OrderError, Prover
from harness.conductor import kernel

PROGRAMS = {program.name: program for program in load()}
SCHEDULED = [name for name, program in PROGRAMS.items() if program.scheduled]
KILLED = [name for name in SCHEDULED if PROGRAMS[name].survives_kill]
IN_PYTHON = [name for name, program in PROGRAMS.items() if program.language is Language.PYTHON]
STANDARD = {"atexit", "ctypes", "errno", "fcntl", "json", "os", "select", "sqlite3", "sys", "tempfile", "time"}
TIMES = 10  # plain runs of a twin; `python -m bench.corpus --twin repaired --repeat N` makes more

conducted = pytest.mark.skipif(not kernel.supported(), reason="system calls cannot be stopped here; see pileup doctor")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where compiled programs are kept."""
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(scope="module")
def prover(cache: Path) -> Iterator[Prover]:
    with Prover(cache) as made:
        yield made


def here(name: str) -> Program:
    """The program, or a skip that says what this machine lacks."""
    program = PROGRAMS[name]
    if reason := unavailable(program):
        pytest.skip(f"{name}: {reason}")
    return program


# -- the programs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("twin", Twin)
@pytest.mark.parametrize("name", PROGRAMS)
def test_one_after_the_other_nothing_is_wrong(name: str, twin: Twin, cache: Path) -> None:
    assert one_by_one(here(name), twin, cache=cache) is None


@pytest.mark.parametrize("name", SCHEDULED)
def test_repaired_twin_survives_plain_repetition(name: str, cache: Path) -> None:
    program = here(name)
    assert [at_once(program, Twin.REPAIRED, cache=cache) for _ in range(TIMES)] == [None] * TIMES


@conducted
@pytest.mark.parametrize("name", SCHEDULED)
def test_declared_order_really_fails(name: str, prover: Prover) -> None:
    program = here(name)
    assert prover.judged(program, Twin.BUGGY, program.failing) is not None


@conducted
@pytest.mark.parametrize("name", KILLED)
def test_repaired_twin_survives_a_kill_at_any_call(name: str, prover: Prover) -> None:
    """The first actor dies before each of its calls in turn; the others then run to their ends."""
    program, label, number = here(name), PROGRAMS[name].actors[0].label, 0
    while kills(prover, program, label, number):
        number += 1
    assert number > 0


def kills(prover: Prover, program: Program, label: str, number: int) -> bool:
    """Kill the actor at this call of it; False when it does not make so many."""
    try:
        violation = prover.judged(program, Twin.REPAIRED, (f"{label}:#{number}", f"{label}:!"))
    except OrderError:
        return False
    assert violation is None, f"{label} killed at its call {number}: {violation}"
    return True


@conducted
def test_an_order_that_cannot_be_carried_out_proves_nothing(prover: Prover) -> None:
    with pytest.raises(OrderError, match="a did not get as far as 'a:rename no-such-file' \\(it has ended\\)"):
        prover.judged(PROGRAMS["agents-add"], Twin.BUGGY, ("a:rename no-such-file",))


@conducted
def test_an_order_without_the_race_does_not_fail(prover: Prover) -> None:
    assert prover.judged(PROGRAMS["agents-add"], Twin.BUGGY, ("b:*", "a:*")) is None


@pytest.mark.parametrize("twin", Twin)
@pytest.mark.parametrize("name", IN_PYTHON)
def test_python_program_runs_in_a_forked_interpreter(name: str, twin: Twin, tmp_path: Path) -> None:
    """As a fork server would run it: its code, compiled before, under the name __main__."""
    program, endings = PROGRAMS[name], {}
    for actor in materialise(program, twin, tmp_path, cache=tmp_path):
        code = "import os, sys; p = sys.argv[1]; c = compile(open(p).read(), p, 'exec'); sys.argv = sys.argv[1:]\n"
        code += "if os.fork() == 0: exec(c, {'__name__': '__main__', '__builtins__': __builtins__}); sys.exit()\n"
        code += "sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))"
        argv = (sys.executable, "-S", "-E", "-c", code, str(actor.source), *actor.args)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        endings[actor.label] = Ending(status=done.returncode, output=done.stdout, errors=done.stderr)
    assert judge(program, tmp_path, endings) is None


@pytest.mark.parametrize("name", IN_PYTHON)
def test_python_program_imports_little(name: str) -> None:
    for twin in Twin:
        tree = ast.parse(PROGRAMS[name].source(twin).read_text())
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert names <= STANDARD
        assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))


def test_the_twins_differ_and_both_are_short() -> None:
    for program in PROGRAMS.values():
        texts = [program.source(twin).read_text() for twin in Twin]
        assert texts[0] != texts[1]
        assert all(text.count("\n") <= 70 for text in texts), program.name


def test_there_are_enough_of_every_sort() -> None:
    scheduled = [PROGRAMS[name] for name in SCHEDULED]
    assert len(scheduled) >= 24
    assert {program.depth for program in scheduled} == {1, 2, 3, 4}
    assert {program.language for program in scheduled} == set(Language)
    assert 2 * sum(program.hard for program in scheduled) >= len(scheduled)
    assert len({program.bug for program in scheduled}) >= 20


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_depth_is_the_number_of_constraints_named(name: str) -> None:
    assert len(PROGRAMS[name].because.split("; ")) == PROGRAMS[name].depth


# -- judging -----------------------------------------------------------------------------------------------------------


def test_a_crash_is_a_violation_whatever_the_folder_says(tmp_path: Path) -> None:
    materialise(PROGRAMS["agents-add"], Twin.BUGGY, tmp_path, cache=tmp_path)
    crashed = Ending(status=1, errors="Traceback\nKeyError: 'x'\n")
    assert judge(PROGRAMS["agents-add"], tmp_path, {"a": crashed}) == "a ended with status 1: KeyError: 'x'"


@pytest.mark.parametrize("status", [75, -9])
def test_who_refused_or_was_killed_acknowledged_nothing(tmp_path: Path, status: int) -> None:
    materialise(PROGRAMS["agents-add"], Twin.BUGGY, tmp_path, cache=tmp_path)
    assert judge(PROGRAMS["agents-add"], tmp_path, {"a": Ending(status=status)}) is None


def test_an_acknowledged_add_that_is_not_listed_is_a_violation(tmp_path: Path) -> None:
    materialise(PROGRAMS["agents-add"], Twin.BUGGY, tmp_path, cache=tmp_path)
    assert judge(PROGRAMS["agents-add"], tmp_path, {"a": Ending(status=0)}) == (
        "a was added, and is not in the list []"
    )


# -- materials ---------------------------------------------------------------------------------------------------------


def test_what_is_compiled_is_kept(tmp_path: Path) -> None:
    program = here("torn-append")
    argvs = [materialise(program, Twin.BUGGY, tmp_path, cache=tmp_path / "cache")[0].argv for _ in range(2)]
    assert argvs[0] == argvs[1]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [Path(argvs[0][0]).name]


def test_a_missing_interpreter_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert unavailable(PROGRAMS["tally"]) == "there is no node on the PATH"
    assert unavailable(PROGRAMS["torn-append"]) == "there is no cc on the PATH"
    assert unavailable(PROGRAMS["agents-add"]) is None
    with pytest.raises(CorpusError, match="tally cannot be run: there is no node"):
        materialise(PROGRAMS["tally"], Twin.BUGGY, tmp_path, cache=tmp_path)


# -- the catalog -------------------------------------------------------------------------------------------------------


def catalog(folder: Path, edit: Callable[[str], str]) -> Path:
    """A catalog of one program, changed."""
    found = re.search(r"^\[agents-add\].*?(?=^\[)", CATALOG.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    path = folder / "corpus.toml"
    path.write_text(edit(found[0]))
    return path


def test_a_catalog_of_one_program_is_read(tmp_path: Path) -> None:
    assert load(catalog(tmp_path, str)) == (PROGRAMS["agents-add"],)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("depth = 2", "depth = 5", "agents-add: depth is a number from 1 to 4, not 5"),
        ("depth = 2", "depth = true", "agents-add: depth is a number from 1 to 4, not True"),
        ("depth = 2\n", "", "agents-add: depth missing"),
        ("depth", "dept", "agents-add: depth missing"),
        ("survives_kill", "survive_kill", "agents-add: unknown key 'survive_kill'; known are actors,"),
        ("= true", "= 1", "agents-add: survives_kill is true or false"),
        ('"python"', '"perl"', "agents-add: language 'perl' is none of python, node, shell, c"),
        ('"python"', '"node"', "agents-add: there is no programs/agents-add/buggy.js"),
        ("[agents-add]", "[agents-ad]", "agents-ad: there is no programs/agents-ad/buggy.py"),
        ('"b:*"', '"d:*"', "agents-add: 'd:*' in failing names none of a, b, c"),
        ('"b:*"', "7", "agents-add: failing is a list of texts"),
        ('failing = ["a:rename agents.json", "b:*", "a:*"]', "", "agents-add: a bug of schedules has two actors"),
        ('"agents.json" = ', '"../agents.json" = ', "agents-add: '../agents.json' in setup lies outside"),
        ('"agents.json" = "[]"', '"agents.json" = 1', "agents-add: setup is a table"),
        ("survives_kill = true", 'needs = ["reads"]', "agents-add: needs: 'reads' is not a valid Need; known are"),
        ('class = "lost-update"', 'class = " "', "agents-add: class is a text that says something"),
        ('class = "lost-update"', 'class = "missing-fsync"', "agents-add: a bug of class missing-fsync says what"),
        ("[agents-add]", "[agents-add", "corpus.toml cannot be read"),
    ],
)
def test_a_wrong_catalog_says_what_is_wrong(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(CorpusError, match=f"^{re.escape(complaint)}"):
        load(catalog(tmp_path, lambda text: text.replace(old, new)))


# -- the command -------------------------------------------------------------------------------------------------------


def test_repetition_prints_a_rate(capsys: pytest.CaptureFixture[str], cache: Path) -> None:
    assert command.main(["--repeat", "2", "--cache", str(cache), "agents-add"]) == 0
    printed = capsys.readouterr()
    assert re.search(r"agents-add.*/2", printed.out)
    assert "agents-add: 2 of 2" in printed.err


def test_an_unknown_program_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["no-such"]) == 1
    assert "there is no program 'no-such'; there are agents-add," in capsys.readouterr().err


def test_a_program_that_cannot_run_here_is_visible(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with TemporaryDirectory() as empty:
        monkeypatch.setenv("PATH", empty)
        assert command.main(["tally"]) == 1
    assert "UNAVAILABLE tally: there is no node on the PATH" in capsys.readouterr().err


@conducted
def test_proofs_are_printed(capsys: pytest.CaptureFixture[str], cache: Path) -> None:
    assert command.main(["--prove", "--cache", str(cache), "lost-wakeup", "config-not-synced"]) == 0
    assert capsys.readouterr().out == "lost-wakeup: sleeper waits, and nobody will ever wake it\n"
