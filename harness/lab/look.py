"""What the harness sees of a run: files, credentials, workspaces, processes. Looking changes only the journal."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import stat
import time
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from harness.checkers.bad_input import WORKSPACES
from harness.checkers.large_state import CHILDREN, DESCRIPTORS, HOLDINGS
from harness.conductor import holders
from harness.contents import contents
from harness.events import (
    ChildBeat,
    FileSeen,
    LockSeen,
    PortSeen,
    ProcessSeen,
    RequestReceived,
    SurvivorSeen,
    TreeEnded,
    TreeSeen,
    WorkspaceSeen,
)
from harness.lab.actor import Actor
from harness.lab.secret_look import SecretLook
from harness.outcome import RunSeen
from harness.processes import tree
from harness.processes.stat import children as children_of

_COMMAND_LIMIT = 200
_POLL = 0.005  # seconds
_DEEPEST = 3  # tables within each other: agents do not lie deeper


class Look(SecretLook):
    """The lab's eyes. Every method records what it saw; some also return it."""

    def config(self, *_: object) -> FileSeen:
        """The config file, read as any other program would: at once, without a lock. Noted if anybody can read it."""
        path = self._lab.target.config_file(self._lab.site)
        seen = document("config", path)
        if path not in self._lab.opaque:
            self._lab.record(seen)
        return seen

    def config_parses(self) -> bool:
        """Whether the config is a whole document now. Nothing is recorded."""
        return document("config", self._lab.target.config_file(self._lab.site)).parses is True

    def credentials(self, when: str) -> None:
        """Each file of credentials, and each profile by fingerprint: values never leave the file."""
        for path in self._lab.target.credentials_files(self._lab.site):
            seen = document("credentials", path)
            self._lab.record(replace(seen, parses=None) if self._opaque(path) else seen)
        for which in ("main", "other"):
            profile = self._lab.target.profile(self._lab.site, which)
            family, generation = self._token_in(profile)
            data = b"" if profile is None else json.dumps(profile, sort_keys=True).encode()
            self._lab.record(
                FileSeen(
                    role=f"profile {which}", path=which, exists=profile is not None, size=len(data),
                    digest=digest(data), parses=None,
                    facts={
                        "when": when, "family": family, "generation": generation, "account": self._account_in(profile),
                    },
                )
            )  # fmt: skip

    def _opaque(self, path: Path) -> bool:
        """Whether nobody can say that a file is whole, as of a database and of what is named after it: its journals."""
        return any(path.parent == each.parent and path.name.startswith(each.name) for each in self._lab.opaque)

    def _token_in(self, profile: object) -> tuple[str, int | None]:
        """Whose refresh token stands in a profile, however the target writes it, and of which generation."""
        if isinstance(profile, str):
            return self._lab.fakes.oauth.family_of(profile)
        inner = profile.values() if isinstance(profile, Mapping) else profile if isinstance(profile, list) else ()
        found = (self._token_in(value) for value in inner)
        return next((each for each in found if each[1] is not None), ("", None))

    def _account_in(self, profile: object) -> bool:
        """Whether a profile says whose it is, beside what its tokens say."""
        if isinstance(profile, str):
            return any(profile == family.account for family in self._lab.fakes.oauth.families())
        inner = profile.values() if isinstance(profile, Mapping) else profile if isinstance(profile, list) else ()
        return any(map(self._account_in, inner))

    def effect(self, name: str) -> None:
        """How often the command `lab.effect(name)` was carried out: once for each line."""
        path = self._lab.effects(name)
        data = path.read_bytes() if path.exists() else b""
        self._lab.record(
            FileSeen(
                role=f"effect {name}", path=str(path), exists=path.exists(), size=len(data), digest=digest(data),
                parses=None, facts={"times": data.count(b"\n")},
            )
        )  # fmt: skip

    def workspace(self, agent: str, when: str) -> str:
        """Fingerprint names, modes, times and contents of everything in an agent's workspace."""
        folder = self._lab.site.workspace(agent)
        seen = WorkspaceSeen(workspace=agent, when=when, fingerprint=_fingerprint_folder(folder))
        self._lab.record(seen)
        return seen.fingerprint

    def workspaces(self) -> None:
        """Which folders there are for agents to work in."""
        path = self._lab.site.workspaces
        facts = {"names": sorted(each.name for each in path.iterdir())}
        seen = FileSeen(role=WORKSPACES, path=str(path), exists=True, size=0, digest="", parses=None, facts=facts)
        self._lab.record(seen)

    def said(self, actor: Actor) -> None:
        """What stands on a command's standard error by now: how much, and a digest; its end has the text."""
        path = actor.stream("stderr")
        data = path.read_bytes().strip() if path.exists() else b""
        role = f"standard error of {actor.name}"
        exists = path.exists()
        seen = FileSeen(role=role, path=str(path), exists=exists, size=len(data), digest=digest(data), parses=None)
        self._lab.record(seen)

    def tree(self, when: str) -> tuple[tree.Seen, ...]:
        """Every living process of the run."""
        seen = tree.below(self._lab.launcher.pid)
        rows = tuple(
            ProcessSeen(pid=s.pid, parent=s.parent, actor=s.actor, command=s.command[:_COMMAND_LIMIT]) for s in seen
        )
        self._lab.record(TreeSeen(when=when, processes=rows))
        return seen

    def asking(self, rule: str) -> str:
        """Whose process has the connection of the newest request that met this rule of the script; "" for nobody's."""
        ports = [what.peer_port for _, what in self._lab.history().of(RequestReceived) if what.rule == rule]
        below = tree.below(self._lab.launcher.pid) if ports else ()
        return next((seen.actor for seen in below if tree.connected(seen.pid, ports[-1])), "")

    def locks(self) -> None:
        """Which files of the run are locked now, by whom but services; one record says "none" when there are none."""
        services = {seen.pid for seen in self._lab.services.alive()}
        files = {name: path for path in self._lab.site.root.rglob("*") if (name := holders.file_in_locks(path))}
        held = [(files[words[holders.FILE]], int(words[holders.PID])) for words in holders.held_on(files)]
        held = [(path, pid) for path, pid in held if pid not in services]
        for path, pid in held:
            self._lab.record(LockSeen(path=str(path.relative_to(self._lab.site.root)), holder=pid))
        if not held:
            self._lab.record(LockSeen(path="", holder=0))

    def ports(self) -> None:
        """Which ports the processes of the run, but services, listen on; one record says "none" when there are none."""
        below, services = tree.below(self._lab.launcher.pid), {seen.pid for seen in self._lab.services.alive()}
        listening = [
            (port, seen.command) for seen in below if seen.pid not in services for port in tree.ports(seen.pid)
        ]
        for port, command in listening:
            self._lab.record(PortSeen(port=port, process=command[:_COMMAND_LIMIT]))
        if not listening:
            self._lab.record(PortSeen(port=0, process=""))

    def holdings(self, actor: Actor, when: str) -> None:
        """How many descriptors an actor's processes have open, and how many children they have, zombies included."""
        below = self._lab.processes(actor.name)
        children = sum(len(children_of(pid)) for pid in below)
        facts = {"when": when, DESCRIPTORS: sum(map(_descriptors, below)), CHILDREN: children}
        role = f"{HOLDINGS}{actor.name}"
        self._lab.record(FileSeen(role=role, path="/proc", exists=True, size=0, digest="", parses=None, facts=facts))

    async def survivors(self, actor: Actor, grace: float, *, handles: Collection[RunSeen] = ()) -> None:
        """Wait until nothing of the actor is left, at most `grace` seconds; record whatever still is.

        `handles` are the lines of the target's own list that stand for running work: a survivor counts as listed when
        there is one for its actor. A service of the target is none, but what it has started is.
        """
        services = self._lab.services.alive()
        if services:  # they keep the tree in which they were started alive
            await self._lab.services.nothing_else_left(actor, services, grace)
        ended = await actor.tree_ended(_POLL if services else grace)
        listed = next((run.id for run in handles), "")
        alive = self.tree(f"up to {grace:g} s later, looking for what is left of {actor.name}")
        left = self._lab.services.left_by(actor, services, alive, ended=ended)
        if services and not ended and not left:
            self._lab.record(TreeEnded(actor=actor.name, services=len(services)))
        for seen in left:
            self._lab.record(
                SurvivorSeen(actor=actor.name, pid=seen.pid, command=seen.command[:_COMMAND_LIMIT], listed=listed)
            )

    async def beat(self, child: str, *, more: int = 1, within: float = 15.0, by: Actor | None = None) -> bool:
        """Wait until a child has beaten so many times more; whether it did before `within` seconds without a beat.

        `by` is the command that starts the child: once it has ended, a child that never was is waited for no longer.
        """
        path = self._lab.heartbeat(child)
        first = last = now = beats(path)
        give_up = time.monotonic() + within
        while now < first + more and time.monotonic() < give_up and not (by and by.exited and not now):
            await asyncio.sleep(_POLL)
            if (now := beats(path)) > last:
                last, give_up = now, time.monotonic() + within
        self._lab.record(ChildBeat(child=child, beats=now, advanced=now >= first + more))
        return now >= first + more

    async def grows(self, path: Path, *, within: float) -> bool:
        """Wait until a file grows, at most `within` seconds; whether it did."""
        first, deadline = size(path), time.monotonic() + within
        while (grown := size(path) > first) is False and time.monotonic() < deadline:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(_POLL)
        return grown


def document(role: str, path: Path) -> FileSeen:
    """Read a JSON or TOML file and say what it is; its values appear as digests only."""
    there = contents(path)
    if not there.exists:
        return FileSeen(role=role, path=str(path), exists=False, size=0, digest="", parses=None)
    data = there.data
    try:
        found = tomllib.loads(data.decode()) if path.suffix == ".toml" else json.loads(data)
    except (ValueError, RecursionError):
        found = None
    facts = {"keys": _keys(found)} if isinstance(found, dict) else {}
    return FileSeen(
        role=role, path=str(path), exists=True, size=len(data), digest=digest(data), parses=isinstance(found, dict),
        mode=there.mode, facts=facts,
    )  # fmt: skip


def _descriptors(pid: int) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended
        return 0


def _keys(table: Mapping[str, object], within: str = "") -> dict[str, str]:
    """Every key of a document, and by their paths those within it of which no program knows: they begin with x-."""
    named = {f"{within}{key}": value for key, value in table.items()}
    found = {path: _digested(value) for path, value in named.items() if not within or "/x-" in path}
    for path, value in named.items():
        if isinstance(value, dict) and within.count("/") < _DEEPEST:
            found |= _keys(value, f"{path}/")
    return found


def _digested(value: object) -> str:
    return digest(json.dumps(value, default=str).encode())  # default: TOML has dates


def beats(path: Path) -> int:
    """How often a child of `fakes.builds` has beaten: its heartbeat file has a line for each, after its pid's."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def worker(path: Path) -> int | None:
    """The pid of a child of `fakes.builds`, which its heartbeat file begins with; None before it has begun."""
    try:
        words = path.read_text(encoding="ascii").partition("\n")[0].split()
    except FileNotFoundError:
        return None
    return int(words[1]) if len(words) > 1 else None


def size(path: Path) -> int:
    """A file's size in bytes, 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def digest(data: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def _fingerprint_folder(folder: Path) -> str:
    # A folder that goes away under way must not end the look, as it would end Path.rglob's; os.walk passes it over.
    names = (Path(place, name) for place, folders, files in os.walk(folder) for name in (*folders, *files))
    summary = hashlib.sha256()
    for path in sorted(names):
        try:
            facts = path.lstat()
            name = str(path.relative_to(folder))
            summary.update(f"{name}\0{facts.st_mode}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode(errors="replace"))
            if stat.S_ISREG(facts.st_mode):
                summary.update(path.read_bytes())
        except FileNotFoundError:  # it went away while we looked: that shows in the next fingerprint
            continue
    return summary.hexdigest()[:16]
