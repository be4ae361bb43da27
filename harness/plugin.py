"""The pytest plug-in: options, fixtures, and verdicts as outcomes.

Only this module, session.py and interrupts.py import pytest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness import arguments
from harness.campaign import Campaign
from harness.errors import PileupError
from harness.places import for_pytest
from harness.scenario import Scenario
from harness.session import recording, screen, workers
from harness.session.bench import Bench
from harness.session.session import (
    DEFAULT_REPORT,
    LOOPING_REPORT,
    QUICK_POINTS,
    Controller,
    Session,
    Worker,
    stress_round,
)
from harness.targets import registry
from harness.targets.conformance.check import Check
from harness.targets.conformance.suite import examine
from harness.verdict import Verdict
from reports.baseline import Baseline
from reports.errors import ReportError
from reports.record import Result

_LETTERS = {"CONFORMS": ".", "VIOLATED": "V", "UNKNOWN": "?", "INCONCLUSIVE": "i", "UNSUPPORTED": "s"}
_SESSION: pytest.StashKey[Session] = pytest.StashKey()
_RESULT: pytest.StashKey[Result] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pileup", "Pileup: chaos and conformance of multi-agent orchestrators")
    option = group.addoption
    option(
        "--target",
        metavar="NAME",
        type=arguments.given,
        help=f"the program under test: {', '.join(registry.patterns())} (reference)",
    )
    option("--rule", metavar="ID", action="append", default=[], help="only scenarios of this rule; may be repeated")
    option(
        "--rules", metavar="FILE", action="append", default=[],
        help="a file with rules of one's own, written like the shipped rules.toml; may be repeated",
    )  # fmt: skip
    option(
        "--schedules", metavar="N", type=arguments.count,
        help="runs of each fault arm, each another plan (as many as the scenario says, mostly 1); 1: a quick look",
    )  # fmt: skip
    option(
        "--points", metavar="N", type=arguments.whole,
        help="the most pairs of a point and a fault that a sweep tries "
        f"(as many as the scenario says; {QUICK_POINTS} with --schedules 1); 0: all",
    )  # fmt: skip
    option(
        "--shrink", metavar="N", type=arguments.whole, default=60,
        help="replays in which a violating schedule is made simpler, 0 for none (60)",
    )  # fmt: skip
    option(
        "--exhaustive", metavar="N", type=arguments.count, nargs="?", const=2000, default=0,
        help="run one schedule of every class of those scenarios that order calls, in at most N runs (2000)",
    )  # fmt: skip
    option(
        "--preemptions", metavar="K", type=arguments.whole, default=None,
        help="with --exhaustive: only schedules with at most K preemptions",
    )  # fmt: skip
    option("--seed", metavar="N", type=arguments.whole, default=1, help="the first plan's seed (1)")
    option(
        "--stress", metavar="N", type=arguments.count, nargs="?", const=20, default=1,
        help="repeat every test N times with other seeds (20 if N is left out); best with -n auto",
    )  # fmt: skip
    option("--replay", metavar="TOKEN", type=arguments.given, help="repeat exactly the run that a report names")
    option(
        "--baseline", metavar="FILE", type=arguments.given, help="expected verdicts; only a verdict that differs fails"
    )
    option(
        "--report",
        metavar="DIR",
        type=arguments.given,
        help=f"where record.json, report.md and report.html go ({DEFAULT_REPORT})",
    )
    option("--no-conductor", action="store_true", help="do not stop system calls: start barrier and repetition only")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    _distribute_well(config)
    if config.getoption("looponfail", False):
        _report_unseen(config)


def _distribute_well(config: pytest.Config) -> None:
    """Who has nothing left to do takes over what another worker has not begun, unless a user wants it otherwise.

    pytest-xdist's own choice, `--dist load`, hands out the last scenarios early, also to who has a long one to end.
    """
    unsaid = config.getoption("dist", None) == "no"  # and None without pytest-xdist
    if unsaid and config.getoption("numprocesses") and workers.shipped(config.args, modules=config.getoption("pyargs")):
        config.option.dist = "worksteal"


def _report_unseen(config: pytest.Config) -> None:
    """`pytest -f` runs again when a file changes, so the report lies where it does not look: in a hidden folder."""
    if given := config.getoption("report"):
        _check_unwatched(Path(given).resolve(), Path.cwd())
    else:
        config.option.report = str(config.rootpath / LOOPING_REPORT)


def _check_unwatched(report: Path, watched: Path) -> None:
    if report.is_relative_to(watched) and not any(p.startswith(".") for p in report.relative_to(watched).parts):
        raise pytest.UsageError(
            screen.safe(f"--report {report}: `pytest -f` would run again for each report that is written there\n")
            + f"  try: a folder whose name begins with a dot, such as {LOOPING_REPORT}"
        )


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """`-n auto`, but not `-n logical`."""
    if config.getoption("numprocesses") != "auto":
        return None
    return workers.automatic(config.args, modules=config.getoption("pyargs"))


def pytest_configure(config: pytest.Config) -> None:
    try:
        session = config.stash[_SESSION] = Session(config)
    except (PileupError, ReportError) as error:
        raise pytest.UsageError(screen.safe(str(error))) from error
    role = Worker(config, session) if hasattr(config, "workerinput") else Controller(config, session)
    config.pluginmanager.register(role, "pileup-session")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    stress = metafunc.config.stash[_SESSION].stress
    if hasattr(metafunc.function, "scenario") and stress > 1:
        metafunc.fixturenames.append("stress_round")
        metafunc.parametrize("stress_round", range(stress), ids=[f"round{n}" for n in range(stress)])


@pytest.fixture(scope="session")
def _pileup_session_bench(pytestconfig: pytest.Config) -> Iterator[Bench]:
    session = pytestconfig.stash[_SESSION]
    try:
        with Bench(session.target, session.settings) as bench:
            yield bench
    except PileupError as error:
        pytest.fail(str(error), pytrace=False)


class _Judge:
    """What a scenario's test function calls: runs the campaign and turns its verdict into pytest's outcome."""

    def __init__(self, bench: Bench, session: Session, item: pytest.Item) -> None:
        self._bench = bench
        self._session = session
        self._item = item

    def judge(self, scenario: Scenario) -> None:
        try:
            campaign = self._bench.run(scenario, round_=stress_round(self._item))
        except pytest.fail.Exception as failure:  # another plug-in's: pytest-timeout raises it wherever we are
            campaign = self._bench.failed(scenario, str(failure))
        where = self._item.nodeid.split("[")[0]
        result = recording.to_result(
            campaign, where=where,
            found_by=for_pytest(self._item.path, self._item.config.invocation_params.dir),
        )  # fmt: skip
        self._item.stash[_RESULT] = result
        _conclude(campaign, result, self._session.baseline)


@pytest.fixture
def pileup_bench(_pileup_session_bench: Bench, request: pytest.FixtureRequest) -> _Judge:
    """The test bench that scenarios run on."""
    return _Judge(_pileup_session_bench, request.config.stash[_SESSION], request.node)


class _Examiner:
    """What a check of `harness.targets.conformance` calls: runs it on the session's target, as pytest's outcome."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def examine(self, check: Check) -> None:
        examined = examine(check, self._bench)
        reasons = screen.safe("\n".join(examined.reasons))
        if examined.state == "skipped":
            pytest.skip(reasons)
        if examined.state == "failed":
            pytest.fail(f"{check.name}: {check.title}\n{reasons}", pytrace=False)


@pytest.fixture
def pileup_adapter(_pileup_session_bench: Bench) -> _Examiner:
    """The adapter that `--target` names, for the suite that every adapter must pass."""
    return _Examiner(_pileup_session_bench)


def _conclude(campaign: Campaign, result: Result, baseline: Baseline | None) -> None:
    if baseline is not None:
        if (mismatch := baseline.mismatch(result)) is not None:
            pytest.fail(screen.safe(f"{mismatch}\n{screen.explain(result)}"), pytrace=False)
        return
    if campaign.verdict is Verdict.UNSUPPORTED:
        pytest.skip(screen.one_line(f"UNSUPPORTED: {'; '.join(result.notes)}"))
    if not campaign.verdict.green:
        pytest.fail(screen.safe(screen.explain(result)), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if call.when == "call" and (result := item.stash.get(_RESULT, None)) is not None:
        report.pileup_result = json.dumps(asdict(result))  # text of ASCII: it may have to cross from a worker
        report.pileup_verdict = result.verdict
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    verdict = getattr(report, "pileup_verdict", None)
    if verdict is None:
        return None
    expected = report.outcome == "passed" and verdict != "CONFORMS"
    return report.outcome, _LETTERS[verdict], f"{verdict} (expected)" if expected else verdict
