"""What checks work with: another site, every intent that an adapter's capabilities promise, a turn that waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakes.script import Match, Rule, Text
from harness.lab.actor import Actor
from harness.targets.conformance.check import beyond, ended, require
from harness.targets.protocol import (
    AddAgent,
    CancelRun,
    Capability,
    CheckUp,
    DeleteAgent,
    Intent,
    ListAgents,
    ListRuns,
    Raw,
    RunGateway,
    Setup,
    Site,
    Target,
    Turn,
)

if TYPE_CHECKING:
    from harness.lab import Lab

AGENT = "lane0"
ELSEWHERE = "http://127.0.0.1:65535"  # of fakes that no other site has
_FALLING = ("gemini", "anthropic")  # not in the order in which an adapter would write them by itself


def models(target: Target) -> tuple[str, ...]:
    """What a turn's Setup names: a program without failover takes one, and none needs a credential for these."""
    return _FALLING if Capability.FAILOVER in target.capabilities else _FALLING[1:]


def another_site(lab: Lab, name: str) -> Site:
    """A second site in the run's folder, with fakes at another address."""
    root = lab.site.root / name
    for folder in ("home", "workspaces", "tmp"):
        (root / folder).mkdir(parents=True)
    ca_file = root / "ca.pem"
    if lab.site.ca_file.exists():
        ca_file.write_bytes(lab.site.ca_file.read_bytes())
    (root / "workspaces" / AGENT).mkdir()
    return replace(
        lab.site, root=root, home=root / "home", workspaces=root / "workspaces", tmp=root / "tmp", url=ELSEWHERE,
        ca_file=ca_file,
    )  # fmt: skip


def intents(target: Target, site: Site) -> Iterator[Intent]:
    """Whatever scenarios may ask of an adapter with these capabilities."""
    has = target.capabilities
    turn = Turn(agent=AGENT, message="[[lane0]] hi")
    if Capability.ADD_AGENTS in has:
        yield AddAgent(name="lane1", workspace=str(site.workspace("lane1")))
        yield ListAgents()
    if Capability.WORKTREES in has:
        yield AddAgent(name="lane1", workspace=str(site.workspace("lane1")), worktree_of=str(site.root / "repository"))
    if Capability.DELETE_AGENTS in has:
        yield DeleteAgent(name=AGENT)
    if Capability.TURN in has:
        yield turn
    if Capability.TIMEOUT in has:
        yield replace(turn, timeout=1.5)
    if Capability.SESSION_NAMES in has:
        yield replace(turn, session="some-session")
    if Capability.GATEWAY in has:
        yield RunGateway()
        yield replace(turn, gateway=True)
    if Capability.DETACH in has:
        yield replace(turn, gateway=True, detached=True)
    if Capability.RUNS in has:
        yield ListRuns()
        yield ListRuns(everything=True)
    if Capability.CANCEL in has:
        yield CancelRun(id="some-run")
    if Capability.CHECK_UP in has:
        yield CheckUp()
        yield CheckUp(repair=True)
    if {Capability.ADD_AGENTS, Capability.AGENT_NAMES, Capability.TURN} <= has:
        yield Raw(words=("no-such-command", "--json"))


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below, as text."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes().decode(errors="replace")


@asynccontextmanager
async def held_turn(lab: Lab, actor: str = "held") -> AsyncIterator[Actor]:
    """A turn of AGENT that waits for its model inside the block, and is answered after it."""
    lab.script(Rule(actor, Match(marker=actor), (Text("done", gate=actor),)))
    lab.hold(actor)
    run = await lab.turn(AGENT, actor=actor)
    try:
        asked = await lab.reached(actor, by=[run])
        if not asked:
            await run.finished()
        require(
            asked,
            f"the turn asked no model: {ended(lab, actor)}{beyond(lab)}",
            "write the providers' addresses as site.url, and the message whole into argv",
        )
        yield run
    finally:
        lab.release(actor)
    await run.finished()


def prepared(lab: Lab, home: str = "home", **more: Any) -> None:
    """A home with AGENT in it, and models that need no credential."""
    setup = Setup(agents=(AGENT,), models=models(lab.target), grace_seconds=0.5)
    lab.prepare(replace(setup, **more), home=home)
