"""What one pytest process holds open: the loop, the launcher, the target, and the results so far."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

from harness import needs
from harness.campaign import Campaign, campaign, exhaust, runs_of
from harness.conductor.calls import Family
from harness.conductor.filter import program
from harness.errors import LabError
from harness.events import History
from harness.plan import Plan
from harness.processes.client import LauncherClient, Program
from harness.processes.folders import remove
from harness.runner import Ground, Trial, can_conduct
from harness.scenario import Scenario
from harness.schedules.decisions import Decisions
from harness.schedules.strategy import Profile
from harness.session.patience import patiently
from harness.session.room import for_runs
from harness.targets.protocol import Target
from harness.undisturbed import run_undisturbed
from harness.verdict import Judgement, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How every campaign of the session is run."""

    target_name: str  # as `--target` takes it
    seed: int
    schedules: int | None  # fault runs of each; None for as many as each scenario says
    replay: Plan | None
    conductor: bool
    points: int | None = None  # the most that a sweep tries; None for its own bound
    shrink: int = 0  # the most replays in which a violating schedule is made simpler
    known: Mapping[str, tuple[Decisions, ...]] = field(default_factory=dict)  # by scenario: what violated once
    exhaustive: int = 0  # the most runs of an exploration of every schedule; 0 for none
    preemptions: int | None = None  # the bound on an exploration, None for none


class Bench:
    """A context manager around the launcher. Everything a run starts is below it, and ends with it."""

    def __init__(self, target: Target, settings: Settings) -> None:
        self.target = target
        self.settings = settings
        self.refusal = ""  # why system calls cannot be stopped here
        self._runner = asyncio.Runner()
        self._ground: Ground | None = None

    def __enter__(self) -> Bench:
        try:
            self._ground = self._make_ground()
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._leave_ground()
        finally:
            self._runner.close()

    def run(self, scenario: Scenario, *, round_: int = 0) -> Campaign:
        """Run a scenario's campaign to its end. Every round of a stress test has other seeds.

        A failure of the lab itself is UNKNOWN, with its message; so is any other of ours, with its traceback. What is
        no Exception passes, as by pytest-timeout, which raises at any instruction; nothing goes on beside the next run.
        """
        try:
            ground = self._living_ground()
            return self._runner.run(patiently(self._campaign(scenario, ground, round_)))
        except LabError as failure:
            return self.failed(scenario, str(failure))
        except Exception:  # noqa: BLE001 - a record in which the scenario is missing would read as if it had not been asked
            return self.failed(scenario, traceback.format_exc())
        except KeyboardInterrupt:  # asyncio has ended the run, and the session ends
            raise
        except BaseException:
            self._start_over()
            raise

    def failed(self, scenario: Scenario, why: str) -> Campaign:
        """A campaign that could not be run: UNKNOWN."""
        plan = self._first_plan(scenario)
        judgement = Judgement(verdict=Verdict.UNKNOWN, notes=(f"the lab failed: {why}",))
        trial = Trial(plan=plan, judgement=judgement, history=History(()), seconds=0.0, conducted=False)
        return Campaign(scenario=scenario, control=(), fault=(trial,))

    def once(self, scenario: Scenario) -> Trial:
        """One run of a scenario, with the first seed, on this target. Raises LabError."""
        undisturbed = run_undisturbed(
            scenario, self.target, self._first_plan(scenario), self._living_ground(), Profile()
        )
        return self._runner.run(patiently(undisturbed))

    async def _campaign(self, scenario: Scenario, ground: Ground, round_: int) -> Campaign:
        if self.settings.exhaustive and scenario.scheduled:
            return await exhaust(
                scenario, self.target, ground, name=self.settings.target_name, seed=self.settings.seed,
                limit=self.settings.exhaustive, preemptions=self.settings.preemptions,
            )  # fmt: skip
        runs = runs_of(scenario, self.settings.schedules, conducted=ground.conducted)
        return await campaign(
            scenario,
            self.target,
            ground,
            name=self.settings.target_name,
            seed=self.settings.seed + round_ * runs,
            schedules=self.settings.schedules,
            points=self.settings.points,
            shrink=self.settings.shrink,
            known=self.settings.known.get(scenario.name, ()),
            replay=self.settings.replay,
        )

    def _first_plan(self, scenario: Scenario) -> Plan:
        known = self.settings.replay
        return known or Plan(scenario=scenario.name, target=self.settings.target_name, seed=self.settings.seed)

    def _living_ground(self) -> Ground:
        """The ground, or a new one when its launcher was killed."""
        if self._ground is None or self._ground.launcher.dead:
            self._leave_ground()
            self._ground = self._make_ground()
        return self._ground

    def _start_over(self) -> None:
        """End the run that is under way, which clears away with its launcher, then the launcher."""
        try:
            self._runner.close()
            self._leave_ground()
        finally:
            self._runner = asyncio.Runner()

    def _make_ground(self) -> Ground:
        """Start a launcher, and make the folder that it removes however we end. Raises LabError."""
        if (lack := needs.lacking()) is not None:
            raise LabError(lack.finding, hint=lack.advice)
        try:
            folder = for_runs(self.target) / f"pileup-{secrets.token_hex(8)}"
            launcher = LauncherClient.start()
            try:
                launcher.attach(self._runner.get_loop())
                launcher.guard([folder])  # before it exists, so that there is no moment in which we could leave it
                folder.mkdir(mode=0o700)
                conducted = can_conduct(not self.settings.conductor) and self._runner.run(self._may_conduct(launcher))
            except BaseException:
                launcher.stop()
                raise
        except OSError as error:
            raise LabError(
                f"no temporary folder: {error.strerror}", hint="set TMPDIR to a folder that you can write"
            ) from error
        return Ground(launcher=launcher, conducted=conducted, folder=folder)

    async def _may_conduct(self, launcher: LauncherClient) -> bool:
        """Whether a listener can be had here: inside a sandbox that has one already, the kernel refuses a second."""
        trial = program({Family.NETWORK})
        probe = await launcher.spawn(
            Program(argv=(sys.executable, "-S", "-E", "-c", ""), env={}, cwd="/", filter=trial)
        )
        await probe.exited
        if probe.listener is not None:
            os.close(probe.listener)
        probe.close()
        self.refusal = probe.refusal
        return probe.listener is not None

    def _leave_ground(self) -> None:
        ground, self._ground = self._ground, None
        if ground is None:
            return
        try:
            ground.launcher.stop()
        finally:
            remove(ground.folder)
