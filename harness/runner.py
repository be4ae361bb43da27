"""The only assembler: Scenario + Target + Plan -> Trial.

It builds the world of one run, lets the scenario's body act in it, takes everything down again whatever happened, and
has the history judged. A failure of ours is UNKNOWN; a fault that did not fire is INCONCLUSIVE; neither is ever green.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import traceback
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from fakes.oauth import OAuthSettings
from fakes.script import Script
from fakes.server import Fakes
from harness.checkers.judge import VOID, judge
from harness.conductor import kernel
from harness.contents import contents
from harness.errors import HeldTooLong, LabError, TargetFailed
from harness.events import History
from harness.journal import Journal
from harness.lab import Lab
from harness.lab.outside import outside
from harness.plan import Arm, Plan
from harness.processes import folders, tree
from harness.processes.client import LauncherClient
from harness.scenario import Scenario
from harness.schedules.replay import Diverged, Recording
from harness.schedules.strategy import Profile, Strategy
from harness.schedules.trace import Trace
from harness.targets.extras import oauth_client, unstopped, vendor_names
from harness.targets.protocol import Site, Target
from harness.verdict import Judgement, Verdict

_STRANGER = Profile()  # nothing is known of the scenario yet


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """One command as it was started."""

    actor: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run, judged, with what a report needs to show it."""

    plan: Plan
    judgement: Judgement
    history: History
    seconds: float
    conducted: bool
    commands: tuple[CommandLine, ...] = ()
    files: tuple[tuple[str, str | None, str | None], ...] = ()  # path below the root, text before, text after
    root: str = ""  # "" of a run that never began
    strategy: str = ""  # which one ordered the run; "" when none did
    trace: Trace | None = None
    untried: tuple[str, ...] = ()  # what a sweep left out, or what another thing stood in for, in words
    divergence: Diverged | None = None  # it was to repeat another run, and did not
    withdrawn: int = 0  # stopped calls that a signal ended before the harness had taken them

    @property
    def disturbed(self) -> bool:
        """Whether what it came to may be the doing of our stopping its calls. A guarantee that held has held."""
        return self.withdrawn > 0 and self.judgement.verdict not in (Verdict.CONFORMS, Verdict.UNSUPPORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all runs of a session share."""

    launcher: LauncherClient
    conducted: bool
    folder: Path  # where the runs' own folders are made


def can_conduct(disabled: bool) -> bool:
    """Whether system calls of targets can be stopped on this machine."""
    return not disabled and kernel.supported()


async def run(
    scenario: Scenario,
    target: Target,
    plan: Plan,
    ground: Ground,
    profile: Profile = _STRANGER,
    *,
    strategy: Strategy | None = None,
) -> Trial:
    """Run one plan. Raises nothing for what a target does; LabError when the folder or a port cannot be had.

    The profile helps the plan's strategy, in whose place another may be given; of a scheduled run the trial's own plan
    holds the schedule that was chosen.
    """
    began = time.monotonic()
    if reason := _unsupported(scenario, target, ground):
        judgement = Judgement(verdict=Verdict.UNSUPPORTED, notes=(reason,))
        seconds = time.monotonic() - began
        return Trial(plan=plan, judgement=judgement, history=History(()), seconds=seconds, conducted=ground.conducted)
    root = _make_root(ground)
    try:
        chooses = ("exploration", strategy) if strategy is not None else plan.strategy(profile)
        return await _run_in(root, scenario, target, plan, ground, chooses)
    finally:
        folders.remove(root)


def without_history(trial: Trial) -> Trial:
    """What is left of a trial that only counts."""
    return replace(trial, history=History(()), commands=(), files=(), trace=None)


def _unsupported(scenario: Scenario, target: Target, ground: Ground) -> str:
    """Why the scenario cannot be run on this target or machine; "" if it can."""
    if missing := scenario.needs - target.capabilities:
        wanted = ", ".join(sorted(f"“{capability.value}”" for capability in missing))
        return f"{target.name} does not offer {wanted}"
    if scenario.exact and not ground.conducted:
        return "this machine cannot stop system calls, and the fault stands at one of them; see pileup doctor"
    return ""


def _oauth(scenario: Scenario, target: Target) -> OAuthSettings:
    """The settings of the authorization server, to which the target is known as the client that it really is."""
    client = oauth_client(target)
    return scenario.oauth if client is None else replace(scenario.oauth, client_id=client)


async def _run_in(
    root: Path, scenario: Scenario, target: Target, plan: Plan, ground: Ground, chooses: tuple[str, Strategy]
) -> Trial:
    began = time.monotonic()
    name, strategy = chooses
    journal = Journal(time.monotonic)
    names = vendor_names(target)
    named = bool(names.hosts) and ground.conducted
    fakes = Fakes(Script(()), oauth=_oauth(scenario, target), record=journal.record, tls=named, both_loopbacks=named)
    async with fakes, outside(names, fakes, journal) if ground.conducted else nullcontext() as beyond:
        lab = Lab(
            target=target,
            site=_make_site(root, target, fakes, named=named),
            launcher=ground.launcher,
            fakes=fakes,
            journal=journal,
            watch=scenario.watch - unstopped(target),
            conducted=ground.conducted,
            faulty=plan.arm is Arm.FAULT,
            chance=plan.chance(),
            strategy=strategy,
            decisions=plan.decisions,
            most_points=plan.points,
            outside=beyond,
        )
        lab.script()
        try:
            failures = await _act(scenario, lab)
            files = _files(lab, failures)
        finally:  # Ctrl-C comes as a cancellation
            cleared = await _clear(lab)
    if isinstance(plan.schedule, Recording) and lab.trace is None:
        failures.append(f"{VOID}nothing was replayed: the token has a schedule, and this scenario ordered no calls")
    judgement = judge(
        scenario.judges, lab.history(), [*failures, *cleared], fault=scenario.fault, control=not lab.faulty
    )
    trial = Trial(
        plan=plan, judgement=judgement, history=lab.history(), seconds=time.monotonic() - began,
        conducted=lab.conducted, commands=_commands(lab), files=files, root=str(root), untried=tuple(lab.untried),
        withdrawn=sum(actor.supervisor.withdrawn for actor in lab.actors.values() if actor.supervisor is not None),
    )  # fmt: skip
    return _with_schedule(trial, lab, name)


def _with_schedule(trial: Trial, lab: Lab, strategy: str) -> Trial:
    """The trial with the schedule that was chosen, if it has one; a replay that left its recording has none."""
    if lab.trace is None or lab.diverged is not None:
        return replace(trial, divergence=lab.diverged)
    faults = (*trial.plan.decisions.faults, *lab.stops)
    recording = Recording.of(lab.trace, faults, trial.plan.decisions.absent)
    return replace(trial, plan=replace(trial.plan, schedule=recording), strategy=strategy, trace=lab.trace)


async def _act(scenario: Scenario, lab: Lab) -> list[str]:
    """Let the body act; what went wrong, in words."""
    try:
        await scenario.body(lab)
    except TargetFailed as failure:
        return [f"the scenario could not go on: {failure}"]
    except HeldTooLong as gone:
        return [f"{VOID}{gone}"]
    except Diverged as divergence:
        lab.diverged = divergence
        return [f"{VOID}{divergence}"]
    except (Exception, SystemExit):  # noqa: BLE001 - a bug in a scenario or the harness must become UNKNOWN, and be seen
        return [f"{VOID}{traceback.format_exc()}"]
    return []


async def _clear(lab: Lab) -> list[str]:
    """End every process of the run and let go of its listeners. Says what of the harness itself had failed."""
    failures = await _end_services(lab)
    if leftovers := lab.look.tree("at the end of the run"):
        names = ", ".join(f"{seen.actor or '?'}: {seen.command[:80]}" for seen in leftovers)
        lab.note(f"still there at the end of the run, and killed then: {names}")
    await asyncio.gather(*(actor.abandon() for actor in lab.actors.values()))
    await lab.launcher.sweep()
    remaining = tree.below(lab.launcher.pid)
    for actor in lab.actors.values():
        actor.close()
    failures += [f"{VOID}{''.join(traceback.format_exception(failure))}" for failure in lab.failures]
    if remaining:
        failures.append(f"could not be killed: {', '.join(str(seen.pid) for seen in remaining)}")
    return failures


async def _end_services(lab: Lab) -> list[str]:
    """Have the target's services end by themselves first. Only an adapter can make this fail."""
    try:
        await lab.services.end()
    except (Exception, SystemExit):  # noqa: BLE001 - as in `_act`
        return [f"{VOID}{traceback.format_exc()}"]
    return []


def _commands(lab: Lab) -> tuple[CommandLine, ...]:
    return tuple(
        CommandLine(actor=a.name, argv=a.command.argv, env=tuple(sorted(a.command.env.items())))
        for a in lab.actors.values()
    )


def _make_root(ground: Ground) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="run-", dir=ground.folder)).resolve()
    except OSError as error:
        raise LabError(
            f"no folder for the run in {ground.folder}: {error.strerror}", hint="set TMPDIR to a folder you can write"
        ) from error


def _make_site(root: Path, target: Target, fakes: Fakes, *, named: bool) -> Site:
    for name in ("workspaces", "tmp", "output", "beats"):
        (root / name).mkdir()
    ca_file = root / "ca.pem"
    if target.needs_tls or named:
        ca_file.write_bytes(fakes.ca_pem)
    return Site(
        root=root,
        home=root / "home",
        workspaces=root / "workspaces",
        tmp=root / "tmp",
        url=fakes.url,
        ca_file=ca_file,
        named=named,
    )


def _files(lab: Lab, failures: list[str]) -> tuple[tuple[str, str | None, str | None], ...]:
    """The config, before and after, if it has changed. An adapter that cannot say where it is has failed."""
    try:
        path = lab.target.config_file(lab.site)
        name, there = str(path.relative_to(lab.site.root)), contents(path)
    except (Exception, SystemExit):  # noqa: BLE001 - as in `_act`
        failures.append(f"{VOID}{traceback.format_exc()}")
        return ()
    if path in lab.opaque:
        return ()
    before, after = lab.config_before, there.data.decode(errors="replace") if there.exists else None
    return ((name, before, after),) if before != after else ()
