"""What one pytest process holds open: the loop, the launcher, the target, and the results so far."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from harness.campaign import Campaign, campaign
from harness.errors import LabError
from harness.plan import Plan
from harness.processes.client import LauncherClient
from harness.runner import Ground, can_conduct
from harness.scenario import Scenario
from harness.targets.protocol import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How every campaign of the session is run."""

    target_name: str  # as `--target` takes it
    seed: int
    schedules: int
    replay: Plan | None
    conductor: bool


class Bench:
    """A context manager around the launcher. Everything a run starts is below it, and ends with it."""

    def __init__(self, target: Target, settings: Settings) -> None:
        self.target = target
        self.settings = settings
        self._runner = asyncio.Runner()
        self._launcher: LauncherClient | None = None
        self._folder: Path | None = None

    def __enter__(self) -> Bench:
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="pileup-"))
        except OSError as error:
            raise LabError(
                f"no temporary folder: {error.strerror}", hint="set TMPDIR to a folder that you can write"
            ) from error
        self._launcher = LauncherClient.start()
        self._launcher.attach(self._runner.get_loop())
        self._launcher.guard([self._folder])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._launcher is not None:
            self._launcher.stop()
        self._runner.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, scenario: Scenario, *, round_: int = 0) -> Campaign:
        """Run a scenario's campaign to its end. Every round of a stress test has other seeds."""
        assert self._launcher is not None
        assert self._folder is not None
        ground = Ground(
            launcher=self._launcher, conducted=can_conduct(not self.settings.conductor), folder=self._folder
        )
        return self._runner.run(
            campaign(
                scenario,
                self.target,
                ground,
                name=self.settings.target_name,
                seed=self.settings.seed + round_ * self.settings.schedules,
                schedules=self.settings.schedules,
                replay=self.settings.replay,
            )
        )
