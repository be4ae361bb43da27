"""Real programs under a real launcher and a real filter: one of each for a module's tests, swept after every test."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from harness.conductor.calls import Family
from harness.conductor.filter import program
from harness.conductor.lookups import Lookups
from harness.conductor.names import Names
from harness.conductor.redirect import Door, Redirect
from harness.conductor.seal import Seal
from harness.conductor.stopped import Director, StoppedCall
from harness.conductor.supervisor import Supervisor
from harness.processes import tree
from harness.processes.client import LauncherClient, Process, Program
from harness.processes.tree import Progress
from harness.scenario import WATCH_WRITES
from harness.targets.protocol import Site

T = TypeVar("T")
CHANGES = WATCH_WRITES | {Family.LOCK, Family.NETWORK}
LIMIT = 60.0  # seconds that any one test may take, on a machine that is busy with something else


class Watcher:
    """A director that keeps nothing and remembers everything."""

    def __init__(self) -> None:
        self.calls: list[StoppedCall] = []

    def take(self, call: StoppedCall) -> bool:
        self.calls.append(call)
        return False

    @property
    def names(self) -> list[str]:
        return [call.kind.name for call in self.calls]


class Holder:
    """A director that keeps every call of the given kind until the test lets it go."""

    def __init__(self, *kinds: str) -> None:
        self._kinds = kinds
        self.held: list[StoppedCall] = []
        self.arrived = asyncio.Condition()

    def take(self, call: StoppedCall) -> bool:
        if call.kind.name not in self._kinds:
            return False
        self.held.append(call)
        task = asyncio.ensure_future(self._tell())
        task.add_done_callback(lambda done: done.result())
        return True

    async def _tell(self) -> None:
        async with self.arrived:
            self.arrived.notify_all()

    async def until(self, count: int) -> list[StoppedCall]:
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.held) >= count)
        return self.held


class Running:
    """A program that was started, and its output."""

    def __init__(self, process: Process, supervisor: Supervisor | None, output: Path) -> None:
        self.process = process
        self.supervisor = supervisor
        self._output = output

    async def ended(self) -> int:
        return await self.process.exited

    def said(self, stream: str = "stdout") -> str:
        return self._output.with_suffix(f".{stream}").read_bytes().decode(errors="surrogateescape")


class Rig:
    """Starts programs in a folder of the test, each supervised, with everything that they did in lists."""

    def __init__(self, launcher: LauncherClient, folder: Path, outputs: Path) -> None:
        self.launcher = launcher
        self.folder = folder
        self.directors: list[Director] = []
        self.faults: list[BaseException] = []
        self.refused: list[str] = []
        self.events: list[Any] = []
        self.running: dict[str, Running] = {}
        self._started: list[Running] = []  # also those whose names others have now
        self.redirect: Redirect | None = None
        self.lookups: Lookups | None = None
        self.connected: list[str] = []  # what was redirected
        self._outputs = outputs

    def name(self, *hosts: str, resolver: int | None = None, **doors: Door) -> Names:
        """From now on programs find these names, and connections to port N of them go through the door `pN`."""
        names = Names(hosts)
        ports = {int(port.removeprefix("p")): door for port, door in doors.items()}
        self.redirect = Redirect(names, ports, lambda _actor, where: self.connected.append(where), resolver)
        self.lookups = Lookups(names.files())
        return names

    async def start(self, name: str, *argv: str, families: frozenset[Family] = CHANGES, **options: Any) -> Running:
        output = self._outputs / name
        process = await self.launcher.spawn(
            Program(
                argv=argv,
                env={"PATH": os.environ.get("PATH", os.defpath), tree.ACTOR_VARIABLE: name, **options.pop("env", {})},
                filter=program(families) if families else None,
                **{"cwd": str(self.folder), "stdout": f"{output}.stdout", "stderr": f"{output}.stderr", **options},
            )
        )
        supervisor = None
        if process.listener is not None:
            supervisor = Supervisor(
                actor=name, listener=process.listener, root=str(self.folder), directors=self.directors,
                seal=Seal(lambda _actor, address: self.refused.append(address), self.redirect),
                on_fault=self.faults.append, families=families, lookups=self.lookups,
            )  # fmt: skip
        self.running[name] = Running(process, supervisor, output)
        self._started.append(self.running[name])
        return self.running[name]

    async def python(self, name: str, code: str, *words: str, **options: Any) -> Running:
        """Start a small Python program without site packages; -P: from 3.13 on `-c` looks for modules where it runs."""
        return await self.start(name, sys.executable, "-S", "-E", "-P", "-c", code, *words, **options)

    # what a barrier asks of its surroundings
    def still_running(self, actors: Any) -> list[str]:
        return [a for a in actors if a not in self.running or not self.running[a].process.exited.done()]

    def progress(self, actors: Any) -> Progress:
        return tree.progress(tree.family({self.running[a].process.pid for a in actors if a in self.running}))

    async def clear(self) -> None:
        await self.launcher.sweep()
        for running in self._started:
            if running.supervisor is not None:
                running.supervisor.close()
            running.process.close()
        self._started.clear()
        if self.redirect is not None and self.lookups is not None:
            self.redirect.close()
            self.lookups.close()


@pytest.fixture(scope="module")
def loop_runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def launcher(loop_runner: asyncio.Runner) -> Iterator[LauncherClient]:
    client = LauncherClient.start()
    client.attach(loop_runner.get_loop())
    yield client
    client.stop()


@pytest.fixture
def conduct(
    loop_runner: asyncio.Runner, launcher: LauncherClient, tmp_path: Path
) -> Callable[[Callable[[Rig], Coroutine[Any, Any, T]]], T]:
    """Run `body(rig)`; whatever it leaves is killed. A fault of a supervisor fails the test, unless it takes it out."""

    def run(body: Callable[[Rig], Coroutine[Any, Any, T]]) -> T:
        folder, outputs = tmp_path / "site", tmp_path / "outputs"
        folder.mkdir()
        outputs.mkdir()
        rig = Rig(launcher, folder.resolve(), outputs)

        async def whole() -> T:
            try:
                async with asyncio.timeout(LIMIT):
                    return await body(rig)
            finally:
                await rig.clear()

        result = loop_runner.run(whole())
        assert rig.faults == []
        return result

    return run


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def holder() -> type[Holder]:
    return Holder


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """For an adapter: folders, and the address of fakes that are not there."""
    for name in ("home", "workspaces", "tmp"):
        (tmp_path / name).mkdir()
    return Site(
        root=tmp_path,
        home=tmp_path / "home",
        workspaces=tmp_path / "workspaces",
        tmp=tmp_path / "tmp",
        url="http://127.0.0.1:4711",
        ca_file=tmp_path / "ca.pem",
    )
