"""Sessions on machines, terminals and interpreters that are not like most."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys

import pytest

from tests.harness.plugin.place import EXPECTED, LIMIT, PROJECT, TARGET


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
