"""One run's world: a folder, the fakes, the actors, and the order in which things happened to them.

The lab is all that a scenario's body can touch. It starts commands under the conductor, scripts the fakes, and injects
faults when this is the arm that has them.
"""

from __future__ import annotations

import asyncio
import random
import shlex
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import fakes.builds
from fakes.oauth import SeededCredential
from fakes.oauth.rules import Grant
from fakes.script import Match, Rule, Script, Text
from fakes.server import Fakes
from harness.conductor.calls import Family
from harness.contents import contents
from harness.errors import LabError, TargetFailed
from harness.journal import Journal
from harness.lab import powercut
from harness.lab.actor import Actor, Streams
from harness.lab.drawing import draw
from harness.lab.look import Look, document
from harness.lab.nemesis import Nemesis
from harness.lab.outside import Outside
from harness.lab.powercut import RecordedFolder
from harness.lab.services import Services
from harness.outcome import Outcome, RunSeen
from harness.processes import tree
from harness.processes.client import LauncherClient
from harness.schedules.decisions import Decisions
from harness.schedules.strategy import Strategy
from harness.targets.protocol import AddAgent, Capability, Intent, ListAgents, ListRuns, Setup, Site, Target, Turn

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
_POLL = 0.005
SHORTEST_KEY = 20  # characters; those of real providers have 39 and more
_CONFIGS = "scenarios read the config: config_file must be JSON or TOML; without one leave ADD_AGENTS out"


class Lab(Nemesis):
    """What a scenario's body works with. Built by the runner, for one run."""

    def __init__(
        self,
        *,
        target: Target,
        site: Site,
        launcher: LauncherClient,
        fakes: Fakes,
        journal: Journal,
        watch: frozenset[Family],
        conducted: bool,
        faulty: bool,
        chance: random.Random,
        strategy: Strategy,
        decisions: Decisions,
        most_points: int | None = None,
        outside: Outside | None = None,
    ) -> None:
        super().__init__(
            target=target, site=site, fakes=fakes, journal=journal, conducted=conducted, faulty=faulty, chance=chance,
            strategy=strategy, decisions=decisions,
        )  # fmt: skip
        self.most_points = most_points  # of a sweep: 0 for all of them, None for as many as the scenario says
        self.untried: list[str] = []  # what a sweep left out, or what another thing stood in for, in words
        self.patience = target.patience  # seconds that a command may take before it counts as hanging
        self.launcher = launcher
        self.watch = watch
        self.outside = outside  # the names that lead to the fakes; None where calls cannot be stopped
        self.look = Look(self)
        self.homes: list[Path] = []  # that were prepared
        self.services = Services(self)
        self.failures: list[BaseException] = []  # of the harness itself
        self.config_before: str | None = None  # as `prepare` left it
        self.opaque: set[Path] = set()  # as `prepare` left them, no JSON or TOML: nobody can say whether they are whole

    @property
    def families(self) -> frozenset[Family]:
        """The calls that stop in this run: what the scenario watches, ends, and what the network is sealed with."""
        return self.watch | {Family.END} | (self.outside.families if self.outside is not None else {Family.NETWORK})

    def secrets(self) -> frozenset[str]:
        """Everything that may stand in credential files and nowhere else."""
        return self.fakes.oauth.secrets()

    def api_keys(self) -> frozenset[str]:
        """The API keys that the target has shown by now, but for those that may be words: its user wrote them down."""
        return frozenset(key for keys in self.fakes.shown_keys.values() for key in keys if len(key) >= SHORTEST_KEY)

    # -- setting up ---------------------------------------------------------------------------------------------

    def prepare(self, setup: Setup, *, home: str = "home", layout: Mapping[str, str] = MappingProxyType({})) -> None:
        """Write the target's config into a fresh home and make the agents' workspaces, in the layout's places.

        Raises LabError when the config is one that nobody here can read; without ADD_AGENTS nobody wants to.
        """
        self.site = replace(self.site, home=self.site.root / home, layout=layout)
        self.site.home.mkdir()
        self.homes.append(self.site.home)
        for agent in setup.agents:
            self.site.workspace(agent).mkdir(parents=True, exist_ok=True)
        self.target.prepare(self.site, setup)
        stores = self.target.credentials_files(self.site)
        self.opaque = {path for path in stores if document("credentials", path).parses is False}
        config = self.target.config_file(self.site)
        parses = document("config", config).parses
        if Capability.ADD_AGENTS not in self.target.capabilities and not parses:
            self.opaque.add(config)
        elif parses is False:
            kind = "TOML" if config.suffix == ".toml" else "JSON"
            raise LabError(f"the adapter's prepare wrote {config}, which is no {kind}", hint=_CONFIGS)
        there = contents(config)
        self.config_before = there.data.decode(errors="replace") if there.exists and config not in self.opaque else None

    @contextmanager
    def at_home(self, home: Path) -> Iterator[None]:
        """Commands started inside find their state by this path, which may be another name of the same folder."""
        before, self.site = self.site, replace(self.site, home=home)
        try:
            yield
        finally:
            self.site = before

    def draw(self, what: str, strategy: SearchStrategy[T]) -> T:
        """A parameter of this run, by a Hypothesis strategy: the same for the same seed, in either arm."""
        value = draw(strategy, self.chance)
        self.note(f"drawn: {what} = {value!r}")
        return value

    def script(self, *rules: Rule) -> None:
        """What the providers answer from now on. Whatever no rule matches gets the text "done"."""
        self.fakes.set_script(Script((*rules, Rule("otherwise", Match(), (Text("done"),)))))

    def credential(self, family: str, *, expired: bool = False) -> SeededCredential:
        """A credential that the OAuth fake knows; an expired one must be refreshed before use."""
        return self.fakes.oauth.seed(family, account=f"account-{family}", expired=expired)

    def redeem_elsewhere(self, credential: SeededCredential) -> SeededCredential:
        """Refresh a credential as a program that is not under test would; gives the newer one."""
        grant = Grant(refresh_token=credential.refresh_token, client_id=self.fakes.oauth.settings.client_id)
        decided, issued = self.fakes.oauth.redeem(grant)
        if issued is None:
            raise LabError(f"the credential of {credential.family} could not be refreshed: {decided.decision}")
        return replace(
            credential,
            access_token=issued.access_token,
            refresh_token=issued.refresh_token or credential.refresh_token,
            id_token=issued.id_token,
            expires_at=time.time() + issued.expires_in,
        )

    def heartbeat(self, child: str) -> Path:
        """The file in which this child counts, outside every workspace."""
        return self.site.root / "beats" / child

    def build(self, child: str, *flags: str, seconds: float = 120, beats_in: Path | None = None) -> str:
        """A shell command that behaves like a build and counts while it lives; flags are those of `fakes.builds`."""
        program = str(Path(fakes.builds.__file__).with_name("__main__.py"))
        heartbeat = str(beats_in or self.heartbeat(child))
        words = (sys.executable, "-S", "-E", program, "--heartbeat", heartbeat, "--seconds", f"{seconds:g}", *flags)
        return shlex.join(words)

    def until_built(self, child: str) -> str:
        """A shell command that waits until the build `child` counts."""
        return f"until grep -qs pid {shlex.quote(str(self.heartbeat(child)))}; do sleep 0.05; done"

    def effect(self, name: str) -> str:
        """A shell command with a side effect that can be counted: it adds a line to a file of that name."""
        return shlex.join(["sh", "-c", 'echo "$$" >> "$0"', str(self.effects(name))])

    def effects(self, name: str) -> Path:
        """The file in which the effects of this name are counted, outside every workspace."""
        return self.site.root / "beats" / f"effect-{name}"

    def within(self, intent: Intent, name: str) -> str:
        """A shell command that does this inside a tool call, and counts its own beginning and end as effects."""
        return f"{self.effect(f'{name}-begun')}; {self.words(intent)}; {self.effect(f'{name}-ended')}"

    def words(self, intent: Intent) -> str:
        """A simple command for a shell that does this."""
        command = self.target.command(self.site, intent)
        settings = (f"{key}={value}" for key, value in command.env.items())
        return shlex.join(["env", "-C", str(command.cwd), *settings, *command.argv]) + " </dev/null"

    # -- commands -----------------------------------------------------------------------------------------------

    async def start(self, intent: Intent, actor: str, *, streams: Streams | None = None) -> Actor:
        """Start a command and return while it runs."""
        if actor in self.actors:
            raise ValueError(f"actor {actor!r} was started before")
        if self._barrier is not None:
            self._barrier.expected.append(actor)
        started = await Actor.start(self, actor, intent, streams or Streams())
        self.actors[actor] = started
        if self._scheduler is not None and started.supervisor is not None:
            self._scheduler.start(actor, started.supervisor)
        return started

    async def run(self, intent: Intent, actor: str, *, streams: Streams | None = None) -> Outcome:
        """Start a command and wait for its end."""
        return await (await self.start(intent, actor, streams=streams)).finished()

    async def run_all(self, commands: Iterable[tuple[str, Intent]]) -> list[Outcome]:
        """Start all of them, then wait for all of them."""
        wanted = [(name, intent) for name, intent in commands if name not in self._decisions.absent]
        actors = [await self.start(intent, name) for name, intent in wanted]
        return list(await asyncio.gather(*(actor.finished() for actor in actors)))

    async def add(self, *names: str) -> list[Outcome]:
        """Add agents concurrently, each by a command of its own."""
        return await self.run_all((f"add-{name}", self.adding(name)) for name in names)

    def adding(self, name: str) -> AddAgent:
        return AddAgent(name=name, workspace=str(self.site.workspace(name)))

    async def list_agents(self, actor: str = "list") -> tuple[str, ...]:
        """Ask the target for its agents. Raises TargetFailed when it cannot say."""
        outcome = await self.run(ListAgents(), actor)
        if outcome.agents is None:
            raise TargetFailed(f"{actor}: no list of agents: {outcome.message or outcome.code or 'no JSON'}")
        return outcome.agents

    async def list_runs(self, actor: str, *, everything: bool = False) -> tuple[RunSeen, ...]:
        """Ask the target for its runs, or also for those that have ended. Raises TargetFailed when it cannot say."""
        outcome = await self.run(ListRuns(everything=everything), actor)
        if outcome.runs is None:
            raise TargetFailed(f"{actor}: no list of runs: {outcome.message or outcome.code or 'no JSON'}")
        return outcome.runs

    async def turn(
        self, agent: str, text: str = "hi", *, actor: str | None = None, timeout: float | None = None
    ) -> Actor:
        """Start a turn. The message carries the actor's name, so that the fakes can tell who asks."""
        name = actor or agent
        return await self.start(self.turning(agent, text, actor=name, timeout=timeout), name)

    def turning(self, agent: str, text: str = "hi", *, actor: str | None = None, timeout: float | None = None) -> Turn:
        """A turn that carries the name of the actor that is to do it, else the agent's."""
        return Turn(agent=agent, message=f"[[{actor or agent}]] {text}", timeout=timeout)

    async def undisturbed(self, agent: str) -> float:
        """Run a turn that nothing disturbs; gives a --timeout, in seconds, that it stays well below here and now."""
        run = await self.turn(agent, actor="undisturbed")
        outcome = await run.finished()
        if not outcome.ok:
            raise TargetFailed(f"a turn that nothing disturbed failed: {outcome.message or outcome.code}")
        return round(1 + 6 * run.seconds, 1)

    async def ends_within(self, actor: Actor, grace: float) -> bool:
        """Wait for the command's own end, at most `grace` seconds; whether it came."""
        done, _ = await asyncio.wait([asyncio.ensure_future(actor.finished())], timeout=grace)
        return bool(done)

    async def speaks(self, actor: Actor) -> bool:
        """Wait until a command has printed something on standard output or has ended; whether it has printed."""
        give_up = time.monotonic() + self.patience
        while not (printed := actor.printed()) and not actor.exited and time.monotonic() < give_up:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(_POLL)
        return printed or actor.printed()

    def kill(self, pid: int, fault: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal a process that a command has started itself: a planned fault that fires if it is one of this run."""
        if self.faulty and tree.signal_below(self.launcher.pid, pid, number):
            self.fired(fault)

    async def gone(self, pid: int, within: float) -> bool:
        """Wait until a process that a command has started itself is no more, at most so many seconds; whether it is."""
        give_up = time.monotonic() + within
        while (there := tree.is_below(self.launcher.pid, pid)) and time.monotonic() < give_up:  # noqa: ASYNC110 - not our child
            await asyncio.sleep(_POLL)
        return not there

    # -- power --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def recorded(self) -> AsyncIterator[RecordedFolder]:
        """Record what the commands started inside do to the home; `cuts()` of it then tries every power cut.

        They must have ended with the block, and the scenario must watch WATCH_STORES.
        """
        self.plan(powercut.FAULT)
        recording = RecordedFolder(self, self.site.home)
        recording.begin()
        try:
            yield recording
        finally:
            recording.end()
