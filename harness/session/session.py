"""One pytest session: what its options came to, which scenarios it holds, and who gathers the results.

The glue of plugin.py stands on this. Under pytest-xdist a worker runs scenarios and the controller gathers; without it
the controller does both.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.conductor import kernel
from harness.errors import PileupError, UsageError
from harness.places import RULES_FILE
from harness.plan import Plan
from harness.runner import can_conduct
from harness.scenario import Rule, Scenario, load_rules, named
from harness.session import examples, recording, screen
from harness.session.bench import Settings
from harness.session.interrupts import interruptible
from harness.targets import registry
from harness.targets.protocol import Target
from reports.baseline import Baseline
from reports.errors import ReportError
from reports.merge import merge_results
from reports.record import Result, result_from_json
from reports.writer import write

DEFAULT_REPORT = "reports/out/latest"
LOOPING_REPORT = "reports/out/.latest"  # of `pytest -f`
QUICK_POINTS = 2  # of a sweep, for who asks for a single schedule: the first and the last


class Session:
    """What the options came to."""

    def __init__(self, config: pytest.Config) -> None:
        self.replay = Plan.parse(token) if (token := config.getoption("replay")) else None
        self.target_name: str = config.getoption("target") or (self.replay.target if self.replay else "reference")
        if self.replay and self.target_name != self.replay.target:
            raise UsageError(
                f"--target {self.target_name} contradicts --replay, which names {self.replay.target}",
                hint="leave --target out",
            )
        self.target: Target = registry.find(self.target_name)
        self.rules: dict[str, Rule] = load_rules(RULES_FILE, *map(Path, config.getoption("rules")))
        self.wanted_rules = named(config.getoption("rule"), self.rules)
        self.stress: int = config.getoption("stress")
        self.settings = Settings(
            target_name=self.target_name,
            seed=config.getoption("seed"),
            schedules=config.getoption("schedules"),
            points=_points(config),
            shrink=config.getoption("shrink"),
            exhaustive=config.getoption("exhaustive"),
            preemptions=config.getoption("preemptions"),
            known=examples.known(getattr(config, "cache", None), self.target_name),
            replay=self.replay,
            conductor=not config.getoption("no_conductor"),
        )
        self.baseline = self._expectations(config.getoption("baseline"))
        self.report = Path(config.getoption("report") or config.rootpath / DEFAULT_REPORT)
        if config.getoption("report"):
            check_writable(self.report)

    def _expectations(self, baseline: str | None) -> Baseline | None:
        if not baseline:
            return None
        loaded = Baseline.load(Path(baseline))
        loaded.check_target(self.target.name, self.target.version)
        return loaded


def _points(config: pytest.Config) -> int | None:
    given: int | None = config.getoption("points")
    return QUICK_POINTS if given is None and config.getoption("schedules") == 1 else given


def _scenario(item: pytest.Item) -> Scenario | None:
    return getattr(getattr(item, "function", None), "scenario", None)


def _select(config: pytest.Config, session: Session, items: list[pytest.Item]) -> int:
    """Leave the wanted items only; gives how many of them are scenarios. Raises UsageError."""
    known: dict[str, str] = {}
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        scenario = _scenario(item)
        if scenario is not None:
            _check_scenario(scenario, item.nodeid.split("[")[0], known, session)
        (kept if scenario is None or _wanted(scenario, session) else dropped).append(item)
    if session.replay and session.replay.scenario not in known:
        where = f"scenarios here: {', '.join(sorted(known))}" if known else "no scenarios were collected here"
        raise UsageError(f"--replay: there is no scenario {session.replay.scenario!r} here", hint=where)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = sorted(kept, key=stress_round)  # whole rounds, so that a session cut short has tried everything
    return sum(_scenario(item) is not None for item in kept)


def stress_round(item: pytest.Item) -> int:
    """Which repetition of a stress test this is, 0 for the first or only one."""
    callspec = getattr(item, "callspec", None)
    return int(callspec.params.get("stress_round", 0)) if callspec else 0


def _check_scenario(scenario: Scenario, where: str, known: dict[str, str], session: Session) -> None:
    if scenario.rule not in session.rules:
        raise UsageError(
            f"{where}: there is no rule {scenario.rule!r}",
            hint=f"name a file with it (--rules), or use one of {', '.join(session.rules)}",
        )
    if (other := known.setdefault(scenario.name, where)) != where:
        raise UsageError(
            f"two scenarios are called {scenario.name!r}: {other} and {where}",
            hint="rename one: replay tokens, baselines and reports go by the name",
        )


def _wanted(scenario: Scenario, session: Session) -> bool:
    if session.replay is not None:
        return scenario.name == session.replay.scenario
    return not session.wanted_rules or scenario.rule in session.wanted_rules


def check_writable(folder: Path) -> None:
    """Raises UsageError when no report can be written there: better now than after an hour."""
    hint = "choose a folder that you can write with --report DIR"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--report {folder}: cannot be made: {error.strerror}", hint=hint) from error
    try:  # not access(2), which calls everything writable to root
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--report {folder}: cannot be written: {error.strerror}", hint=hint) from error


class Worker:
    """A process of pytest-xdist: it runs scenarios, and tells the controller what it may not decide itself."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self._config = config
        self._session = session
        self._interruptible = interruptible(config)
        _die_with(config.workerinput.get("pileup_controller"))  # type: ignore[attr-defined]  # made by pytest-xdist

    @property
    def _output(self) -> dict[str, Any]:
        output: dict[str, Any] = self._config.workeroutput  # type: ignore[attr-defined]  # made by pytest-xdist
        return output

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        try:
            self._output["pileup_scenarios"] = _select(self._config, self._session, items)
        except PileupError as error:
            self._output["pileup_complaint"] = str(error)
            items[:] = []
        if self._output.get("pileup_scenarios"):
            self._interruptible.arm()
        elif sys.platform == "linux":
            kernel.die_with_parent(0)  # somebody else's tests may have something to clear away


class Controller:
    """The process that the user started: it gathers the results, from its workers too, and writes the report."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self._config = config
        self._session = session
        self._results: list[Result] = []
        self._scenarios = 0
        self._complaint = ""
        self._interrupted = False
        self._nodes: list[Any] = []  # pytest-xdist's workers
        self._lines: list[screen.Line] = []
        self._interruptible = interruptible(config)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        try:
            self._scenarios = _select(self._config, self._session, items)
            if self._scenarios and not self._config.option.collectonly:
                check_writable(self._session.report)
        except PileupError as error:
            raise pytest.UsageError(screen.safe(str(error))) from error
        if self._scenarios:
            self._interruptible.arm()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if _started_here(node):
            node.workerinput["pileup_controller"] = os.getpid()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        self._nodes.append(node)
        self._interruptible.arm_for_workers()

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        self._interrupted = True
        for node in self._nodes:
            _terminate(node)

    def _hear_workers(self) -> None:
        """What the workers said with their last words; a worker that crashed said nothing."""
        for node in self._nodes:
            output = getattr(node, "workeroutput", None) or {}
            self._scenarios = max(self._scenarios, output.get("pileup_scenarios", 0))
            self._complaint = output.get("pileup_complaint", self._complaint)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (document := getattr(report, "pileup_result", None)) is not None:
            del report.pileup_result  # pytest keeps every report to the end
            self._results = list(merge_results([*self._results, result_from_json(json.loads(document))]))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._hear_workers()
        if self._complaint:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
            self._lines.append(screen.Line(screen.safe(f"ERROR: {self._complaint}"), "red"))
        elif self._results or (self._scenarios and self._interrupted):
            try:
                self._lines += self._write()
            except ReportError as error:
                self._lines.append(screen.Line(screen.safe(f"ERROR: {error}"), "red"))
                session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED  # no evidence, no success

    def _write(self) -> Iterable[screen.Line]:
        settings = self._session.settings
        record = recording.to_record(
            tuple(self._results),
            recording.target_facts(self._session.target),
            self._session.rules,
            command=screen.command_line(sys.argv),
            seed=settings.seed,
            conducted=can_conduct(not settings.conductor)
            and all(result.control != recording.UNCONDUCTED for result in self._results if result.history),
            interrupted=self._interrupted,
        )
        self._lines += screen.table(record)
        if settings.replay is None:
            examples.keep(getattr(self._config, "cache", None), self._session.target_name, self._results)
        self._lines += [screen.Line(screen.safe(r.certificate)) for r in self._results if r.certificate]
        paths = write(record, self._session.report)
        return [screen.Line(f"report: {screen.relative(paths)}")]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._lines:
            target = self._session.target
            terminalreporter.section(screen.one_line(f"Pileup: {target.name} {target.version}"))
        for line in self._lines:
            terminalreporter.write_line(line.text, **{line.colour: True} if line.colour else {})


def _started_here(node: Any) -> Any:
    """The process that a worker is, None for one that somebody else started. execnet says it only here."""
    return getattr(getattr(node.gateway, "_io", None), "popen", None)


def _terminate(node: Any) -> None:
    """Interrupt a worker at once; one that was not started here ends some seconds later."""
    if (popen := _started_here(node)) is not None:
        popen.send_signal(signal.SIGTERM)


def _die_with(controller: int | None) -> None:
    """End this worker when its controller is killed: else it would go on for 15 s. Our launcher clears away."""
    if controller is not None and sys.platform == "linux":
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != controller:  # it is gone already
            signal.raise_signal(signal.SIGKILL)
