"""The pytest plug-in: options, fixtures, verdicts as outcomes, the table at the end. Nothing else imports pytest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness import recording, screen
from harness.bench import Bench, Settings
from harness.campaign import Campaign
from harness.errors import PileupError, UsageError
from harness.places import RULES_FILE
from harness.plan import Plan
from harness.runner import can_conduct
from harness.scenario import Rule, Scenario, load_rules
from harness.targets import registry
from harness.targets.protocol import Target
from harness.verdict import Verdict
from reports.baseline import Baseline
from reports.errors import ReportError
from reports.merge import merge_results
from reports.record import Result, result_from_json
from reports.writer import write

DEFAULT_REPORT = "reports/out/latest"
_STASH: pytest.StashKey[Session] = pytest.StashKey()


class Session:
    """What the options came to, and the results as they arrive (from the workers, under pytest-xdist)."""

    def __init__(self, config: pytest.Config) -> None:
        self.replay = Plan.parse(token) if (token := config.getoption("replay")) else None
        self.target_name: str = config.getoption("target") or (self.replay.target if self.replay else "reference")
        if self.replay and self.target_name != self.replay.target:
            raise UsageError(
                f"--target {self.target_name} contradicts --replay, which names {self.replay.target}",
                hint="leave --target out",
            )
        self.target: Target = registry.find(self.target_name)
        self.rules: dict[str, Rule] = load_rules(RULES_FILE)
        self.wanted_rules: list[str] = [rule.upper() for rule in config.getoption("rule")]
        if unknown := [rule for rule in self.wanted_rules if rule not in self.rules]:
            raise UsageError(f"there is no rule {unknown[0]!r}", hint=f"rules: {', '.join(self.rules)}")
        self.stress: int = config.getoption("stress")
        self.settings = Settings(
            target_name=self.target_name,
            seed=config.getoption("seed"),
            schedules=config.getoption("schedules"),
            replay=self.replay,
            conductor=not config.getoption("no_conductor"),
        )
        baseline = config.getoption("baseline")
        self.baseline = Baseline.load(Path(baseline)) if baseline else None
        self.report = Path(config.getoption("report") or config.rootpath / DEFAULT_REPORT)
        self.results: list[Result] = []
        self.interrupted = False


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pileup", "Pileup: chaos and conformance of multi-agent orchestrators")
    option = group.addoption
    option("--target", metavar="NAME", help=f"the program under test: {', '.join(registry.patterns())} (reference)")
    option("--rule", metavar="ID", action="append", default=[], help="only scenarios of this rule; may be repeated")
    option("--schedules", metavar="N", type=_count, default=1, help="runs of each fault arm, each another plan (1)")
    option("--seed", metavar="N", type=_whole, default=1, help="the first plan's seed (1)")
    option(
        "--stress", metavar="N", type=_count, nargs="?", const=20, default=1,
        help="repeat every test N times with other seeds (20 if N is left out); best with -n auto",
    )  # fmt: skip
    option("--replay", metavar="TOKEN", help="repeat exactly the run that a report names")
    option("--baseline", metavar="FILE", help="expected verdicts; only a verdict that differs fails")
    option("--report", metavar="DIR", help=f"where record.json, report.md and report.html go ({DEFAULT_REPORT})")
    option("--no-conductor", action="store_true", help="do not stop system calls: start barrier and repetition only")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[_STASH] = Session(config)
    except (PileupError, ReportError) as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    stress = metafunc.config.stash[_STASH].stress
    if hasattr(metafunc.function, "scenario") and stress > 1:
        metafunc.fixturenames.append("stress_round")
        metafunc.parametrize("stress_round", range(stress), ids=[f"round{n}" for n in range(stress)])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    session = config.stash[_STASH]
    kept, dropped = [], []
    for item in items:
        scenario = _scenario(item)
        (kept if scenario is None or _wanted(scenario, session) else dropped).append(item)
        if scenario is not None and scenario.rule not in session.rules:
            raise pytest.UsageError(f"{item.nodeid}: there is no rule {scenario.rule!r} in {RULES_FILE.name}")
    if session.replay and not any(map(_scenario, kept)) and any(map(_scenario, items)):
        raise pytest.UsageError(f"--replay: there is no scenario {session.replay.scenario!r} here")
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def _scenario(item: pytest.Item) -> Scenario | None:
    return getattr(getattr(item, "function", None), "scenario", None)


def _wanted(scenario: Scenario, session: Session) -> bool:
    if session.replay is not None:
        return scenario.name == session.replay.scenario
    return not session.wanted_rules or scenario.rule in session.wanted_rules


@pytest.fixture(scope="session")
def _pileup_session_bench(pytestconfig: pytest.Config) -> Iterator[Bench]:
    session = pytestconfig.stash[_STASH]
    with Bench(session.target, session.settings) as bench:
        yield bench


class _Judge:
    """What a scenario's test function calls: runs the campaign and turns its verdict into pytest's outcome."""

    def __init__(self, bench: Bench, session: Session, item: pytest.Item) -> None:
        self._bench = bench
        self._session = session
        self._item = item

    def judge(self, scenario: Scenario) -> None:
        callspec = getattr(self._item, "callspec", None)
        round_ = callspec.params.get("stress_round", 0) if callspec else 0
        campaign = self._bench.run(scenario, round_=round_)
        where = self._item.nodeid.split("[")[0]
        result = recording.to_result(campaign, self._bench.target, where=where, seed=self._session.settings.seed)
        self._item.stash[_RESULT] = result
        _conclude(campaign, result, self._session.baseline)


_RESULT: pytest.StashKey[Result] = pytest.StashKey()


@pytest.fixture
def pileup_bench(_pileup_session_bench: Bench, request: pytest.FixtureRequest) -> _Judge:
    """The test bench that scenarios run on."""
    return _Judge(_pileup_session_bench, request.config.stash[_STASH], request.node)


def _conclude(campaign: Campaign, result: Result, baseline: Baseline | None) -> None:
    if baseline is not None:
        if (mismatch := baseline.mismatch(result)) is not None:
            pytest.fail(f"{mismatch}\n{screen.explain(result)}", pytrace=False)
        return
    if campaign.verdict is Verdict.UNSUPPORTED:
        pytest.skip(f"UNSUPPORTED: {'; '.join(result.notes)}")
    if not campaign.verdict.green:
        pytest.fail(screen.explain(result), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: Any = yield
    if call.when == "call" and (result := item.stash.get(_RESULT, None)) is not None:
        report.pileup_result = asdict(result)  # plain data: it may have to cross from a worker to the controller
    return report  # type: ignore[return-value]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    document = getattr(report, "pileup_result", None)
    if document is not None and _current is not None:
        _current.results.append(result_from_json(document))


_current: Session | None = None


def pytest_sessionstart(session: pytest.Session) -> None:
    global _current
    _current = None if hasattr(session.config, "workerinput") else session.config.stash[_STASH]


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    document = getattr(report, "pileup_result", None)
    if report.when != "call" or document is None:
        return None
    verdict = document["verdict"]
    letter = {"CONFORMS": ".", "VIOLATED": "V", "UNKNOWN": "?", "INCONCLUSIVE": "i", "UNSUPPORTED": "s"}[verdict]
    return (
        report.outcome,
        letter,
        verdict if report.outcome != "passed" or verdict == "CONFORMS" else f"{verdict} (expected)",
    )


def pytest_keyboard_interrupt() -> None:
    if _current is not None:
        _current.interrupted = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    session = config.stash[_STASH]
    if not session.results:
        return
    conducted = can_conduct(not session.settings.conductor) and all(
        result.control != recording.UNCONDUCTED for result in session.results if result.history
    )
    record = recording.to_record(
        merge_results(session.results),
        recording.target_facts(session.target),
        session.rules,
        command=screen.command_line(sys.argv),
        seed=session.settings.seed,
        conducted=conducted,
        interrupted=session.interrupted,
    )
    terminalreporter.section(f"Pileup: {record.target.name} {record.target.version}")
    for line in screen.table(record):
        terminalreporter.write_line(line.text, **{line.colour: True} if line.colour else {})
    try:
        paths = write(record, session.report)
    except ReportError as error:
        terminalreporter.write_line(f"the report could not be written: {error}", red=True)
    else:
        terminalreporter.write_line(f"report: {screen.relative(paths)}")
