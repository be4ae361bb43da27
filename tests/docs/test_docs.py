"""The pages say what is so: links and paths lead somewhere, commands parse, examples run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from harness import cli
from harness.errors import UsageError
from harness.places import RULES_FILE
from harness.rules_page import render
from harness.scenario import Rule, load_rules
from harness.targets.catalog import find_recipe
from reports.record import load

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + [*ROOT.glob("docs/*.md")])
WRITTEN_BY_RUNS = ("reports/out", "bench/out")
SECONDS = 600  # a bound on hanging, on a machine that is busy with something else


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def spans() -> Iterator[tuple[Path, str]]:
    """Every piece of inline code."""
    for page in PAGES:
        yield from ((page, span) for span in re.findall(r"`([^`\n]+)`", prose(page)))


def shell_lines() -> Iterator[str]:
    """Every command of a sh block, without its comment, and every inline one that begins like one."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            yield from filter(None, (line.strip() for line in block.replace("\\\n", " ").splitlines()))
    yield from (span for _, span in spans() if span.startswith(("pileup ", "make ", "python -m ", "pytest ")))


def words_of(line: str) -> tuple[str, ...]:
    words = shlex.split(line, comments=True)
    return tuple(words[: words.index(">")] if ">" in words else words)


COMMANDS = sorted({words for line in shell_lines() if (words := words_of(line))})
# The second session of one process finds modules imported that it would have rewritten: here nothing asserts anyway.
COLLECT = """
import json, sys, pytest
options = ["--collect-only", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
statuses = [int(pytest.main([*options, *words])) for words in json.loads(sys.argv[1])]
print(json.dumps(statuses))
"""


def commands(program: str) -> list[tuple[str, ...]]:
    return [words for words in COMMANDS if words[0] == program]


def run(*argv: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False)


def pytest_run(*words: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *words)


def headings(page: Path) -> list[str]:
    """The page's headings as GitHub writes them into links: in lower case, without punctuation, hyphens for blanks."""
    found = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found]


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    there = page.parent / path if path else page
    return there.exists() and (not heading or heading in headings(there))


def test_links_lead_somewhere() -> None:
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", prose(page))]
    assert len(links) > 10
    broken = [f"{page.name}: {link}" for page, link in links if "://" not in link and not leads_somewhere(page, link)]
    assert not broken


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_no_heading_stands_twice(page: Path) -> None:
    """A link could not say which of them it means; on the page of rules it is a family that is torn apart."""
    assert len(set(headings(page))) == len(headings(page))


def test_replay_lines_name_a_file() -> None:
    """A report's replay line names the scenario's file, so that nothing else is collected."""
    shown = [line for page in PAGES for line in re.findall(r"^ *replay: pytest (\S+)", page.read_text(), re.MULTILINE)]
    assert len(shown) > 2
    assert not [name for name in shown if not (ROOT / name).is_file()]


def test_named_paths_exist() -> None:
    ours = {path.name for path in ROOT.iterdir() if path.is_dir()}
    paths = [(page, span) for page, span in spans() if re.fullmatch(r"[\w.@-]+(/[\w.@-]*)+", span)]
    named = [(page, span) for page, span in paths if span.split("/")[0] in ours]
    assert len(named) > 50
    missing = [
        f"{page.name}: {span}"
        for page, span in named
        if not span.startswith(WRITTEN_BY_RUNS) and not (ROOT / span).exists()
    ]
    assert not missing


def test_named_json_lies_where_it_is_said() -> None:
    """A baseline that a page names by its whole path is there."""
    named = {match for page in PAGES for match in re.findall(r"scenarios/baselines/[\w.@-]+\.json", page.read_text())}
    assert not [path for path in named if not (ROOT / path).is_file()]


def test_every_command_is_of_a_known_kind() -> None:
    assert {words[0] for words in COMMANDS} == {"make", "pileup", "pytest", "python", "reference", "source"}


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert not [words for words in commands("make") if not re.search(rf"^{words[1]}:", makefile, re.MULTILINE)]


@pytest.mark.parametrize("words", commands("pileup"), ids=" ".join)
def test_pileup_command_parses(words: tuple[str, ...]) -> None:
    if len(words) > 1:  # the command by itself is only mentioned
        assert cli.parser().parse_args(words[1:]).run


@pytest.mark.parametrize("module", sorted({words[2] for words in commands("python")}))
def test_module_can_be_run(module: str) -> None:
    assert run(sys.executable, "-m", module, "--help").returncode == 0


def test_pytest_commands_collect() -> None:
    wanted = [words for words in commands("pytest") if len(words) > 1]
    statuses = collect(*(without_installation(words[1:]) for words in wanted))
    assert dict(zip(wanted, statuses, strict=True)) == dict.fromkeys(wanted, 0)


def collect(*lines: Sequence[str]) -> list[int]:
    """The exit status of `pytest --collect-only` with each line's words: one process, so that imports are paid once."""
    done = run(sys.executable, "-c", COLLECT, json.dumps(lines))
    assert done.returncode == 0, done.stderr
    statuses = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(statuses, list)
    return statuses


def without_installation(options: Sequence[str]) -> list[str]:
    """A real CLI need not be installed for a command line to be right; its release must be a known one."""
    given = []
    for word in options:
        real = re.fullmatch(r"[a-z-]+@[\d.]+", word)
        given.append("reference" if real else word)
        if real:
            assert find_recipe(word).proven
    return [word for before, word in pairwise(["", *given]) if "-n" not in (before, word)]  # workers collect nothing


def test_exit_statuses_are_as_the_readme_says() -> None:
    wrong = [["--target", "nobody"], ["--rule", "NO-1"], ["--replay", "nonsense"], ["--baseline", "no/such.json"]]
    statuses = collect(*(["scenarios/", *words] for words in [*wrong, ["-k", "no_such_thing"]]))
    assert statuses == [4, 4, 4, 4, 5]


def test_rules_page_is_current() -> None:
    current = render(load_rules(RULES_FILE))
    assert (ROOT / "docs" / "rules.md").read_text() == current, "run: pileup rules --markdown > docs/rules.md"


def test_rules_page_refuses_what_it_cannot_name() -> None:
    def page(identifier: str, source: str) -> str:
        rule = Rule(
            id=identifier,
            name="some-name",
            level="MUST",
            statement="a | b",
            sources=(source,),
            reason="c",
            definite=True,
        )
        return render({identifier: rule})

    assert r"| CFG-9 | `some-name` | MUST | a \| b | c | definite | openclaw #1 |" in page("CFG-9", "OC#1")
    with pytest.raises(UsageError, match="no family 'NEW'"):
        page("NEW-1", "OC#1")
    with pytest.raises(UsageError, match="no project 'XX'"):
        page("CFG-9", "XX#1")


def test_rules_page_speaks_the_truth_about_variants() -> None:
    """Each rule but END-1 is broken by a variant, and provoked by a scenario."""
    broken = {
        rule
        for path in (ROOT / "reference" / "variants").glob("[!_]*.py")
        for declared in re.findall(r"^BREAKS = \((.*?)\)", path.read_text(), re.MULTILINE | re.DOTALL)
        for rule in re.findall(r'"([A-Z]+-\d+)"', declared)
    }
    provoked = {
        rule
        for path in (ROOT / "scenarios").glob("test_*.py")
        for rule in re.findall(r'^@scenario\(\s*"([A-Z]+-\d+)"', path.read_text(), re.MULTILINE)
    }
    rules = set(load_rules(RULES_FILE))
    assert rules - broken == {"END-1"}
    assert rules - provoked == set()


@pytest.mark.parametrize("name", ["tiny.py", "tiny_target.py"])
def test_the_tutorial_shows_its_files_as_they_are(name: str) -> None:
    assert (ROOT / "docs" / "example" / name).read_text() in blocks(ROOT / "docs" / "writing-a-target.md", "python")


@pytest.mark.parametrize(
    ("adapter", "broken"),
    [("as_shipped", {"CFG-1", "CFG-5", "CFG-10"}), ("locked", {"CFG-5", "CFG-10"}), ("durable", {"CFG-5"})],
)
def test_each_step_of_the_tutorial_mends_one_rule(adapter: str, broken: set[str], tmp_path: Path) -> None:
    target = f"docs/example/tiny_target.py:{adapter}"
    chosen = "four_adds_at_once or damaged_config or power_lost"
    done = pytest_run("scenarios/", "--target", target, "-k", chosen, "--report", str(tmp_path))
    assert done.returncode == 1, done.stdout
    verdicts = {result.rule: result.verdict for result in load(tmp_path / "record.json").results}
    assert {rule for rule, verdict in verdicts.items() if verdict == "VIOLATED"} == broken
    assert {rule for rule, verdict in verdicts.items() if verdict == "CONFORMS"} == {
        "CFG-1",
        "CFG-5",
        "CFG-10",
    } - broken


def test_the_tutorial_ends_with_a_program_that_keeps_its_rules(tmp_path: Path) -> None:
    target = "docs/example/tiny_target.py:repaired"
    done = pytest_run("scenarios/", "--target", target, "--report", str(tmp_path))
    assert done.returncode == 0, done.stdout
    verdicts = [result.verdict for result in load(tmp_path / "record.json").results]
    told = f"{verdicts.count('CONFORMS')} CONFORMS, {verdicts.count('UNSUPPORTED')} UNSUPPORTED\n"
    assert told in blocks(ROOT / "docs" / "writing-a-target.md", "text")


def test_the_suite_says_of_the_tutorial_what_the_page_shows() -> None:
    done = run(sys.executable, "-m", "harness", "check-target", "docs/example/tiny_target.py:as_shipped")
    assert done.returncode == 0, done.stdout
    shown = (ROOT / "docs" / "writing-a-target.md").read_text()
    assert done.stdout.splitlines()[-1] in shown
    assert done.stdout.splitlines()[:3] == [line for line in shown.splitlines() if line.startswith("ok ")]


@pytest.mark.parametrize(("target", "verdict"), [("reference", "CONFORMS"), ("variant:config-unlocked", "VIOLATED")])
def test_the_scenario_of_the_page_works(target: str, verdict: str, tmp_path: Path) -> None:
    """The reference keeps the rule under it, and a variant does not."""
    (code,) = blocks(ROOT / "docs" / "writing-a-scenario.md", "python")
    module = tmp_path / "test_page.py"
    module.write_text(code, encoding="utf-8")
    pytest_run("-c", "pyproject.toml", str(module), "--target", target, "--report", str(tmp_path))
    (result,) = load(tmp_path / "record.json").results
    assert (result.scenario, result.verdict) == ("eight_adds_at_once", verdict)


def test_the_certificate_of_the_page_is_so(tmp_path: Path) -> None:
    """Every order of two adds of the reference: as many classes, points and runs as the page on schedules shows."""
    (shown,) = re.findall(r"^Exhaustive:.*? Dependency:", (ROOT / "docs/schedules.md").read_text(), re.M | re.S)
    words = ("scenarios/", "-k", "two_adds_in_any_order", "--exhaustive", "100", "--report", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout
    assert " ".join(shown.split()) in " ".join(done.stdout.split())


def test_the_page_on_projects_of_ones_own_is_so(tmp_path: Path) -> None:
    """Its commands, in a folder with nothing of the project but what is installed."""
    for name in ("tiny.py", "tiny_target.py"):
        shutil.copy(ROOT / "docs" / "example" / name, tmp_path / name)
    (code,) = blocks(ROOT / "docs" / "writing-a-scenario.md", "python")
    (tmp_path / "my_scenarios").mkdir()
    helper = "from scenarios.gateway import serving\n\n\ndef test_beside_it():\n    assert callable(serving)\n"
    (tmp_path / "my_scenarios" / "test_eight_adds.py").write_text(code, encoding="utf-8")
    (tmp_path / "my_scenarios" / "test_other.py").write_text(helper, encoding="utf-8")
    (page,) = [block for block in blocks(ROOT / "docs" / "outside.md", "text") if "--pyargs scenarios" in block]
    lines = [words_of(line.removeprefix("$ ")) for line in page.splitlines()]
    assert [line[0] for line in lines] == ["pileup", "pytest", "pytest", "pytest"]
    fewer = [("--only", "members"), ("-k", "members"), ("-k", "four_adds_at_once"), ()]
    for line, some in zip(lines, fewer, strict=True):
        module = {"pileup": "harness", "pytest": "pytest"}[line[0]]
        done = run(sys.executable, "-m", module, *line[1:], *some, cwd=tmp_path)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        assert " passed" in done.stdout
    (result,) = load(tmp_path / "reports" / "out" / "latest" / "record.json").results
    assert (result.scenario, result.verdict) == ("eight_adds_at_once", "CONFORMS")


FAKES_EXAMPLES = blocks(ROOT / "docs" / "fakes.md", "python")


@pytest.mark.parametrize("code", FAKES_EXAMPLES, ids=range(len(FAKES_EXAMPLES)))
def test_the_examples_of_the_fakes_run(code: str, tmp_path: Path) -> None:
    done = run(sys.executable, "-W", "error", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")


FAKES_FIXTURES = [code for code in FAKES_EXAMPLES if "pytest.fixture" in code]


@pytest.mark.parametrize("code", FAKES_FIXTURES, ids=("served", "rerouted"))
def test_the_fixtures_of_the_fakes_page_work(code: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(code, encoding="utf-8")
    done = run(sys.executable, "-m", "pytest", "-q", "-W", "error", "--rootdir", str(tmp_path), str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_scripts_of_the_fakes_page_are_some(tmp_path: Path) -> None:
    from fakes.script_file import load_script

    found = []
    for text in blocks(ROOT / "docs" / "fakes.md", "toml"):
        path = tmp_path / "script.toml"
        path.write_text(text, encoding="utf-8")
        found.append([rule.name for rule in load_script(path).rules])
    assert found == [
        ["lane0 runs a tool, then is done", "everything else is overloaded"],
        ["thinks, speaks, and runs two tools at once"],
    ]
