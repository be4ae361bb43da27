"""What this machine allows. Every finding comes from trying the thing, not from reading a version number."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import needs
from harness.commands.doctor_names import leads_to_fakes
from harness.conductor import kernel, ports, sockets
from harness.conductor.calls import Family
from harness.conductor.filter import program
from harness.errors import PileupError
from harness.processes.client import LauncherClient, Program
from harness.session.room import for_runs
from harness.targets.reference import ReferenceTarget

_ENOUGH_BYTES = 1 << 30
_NO_SCHEDULES = "orders of calls are chosen all the same, but a run may differ from its replay where programs sleep"
_NO_NAMES = "real CLIs with fixed addresses are sent through a proxy instead, where they honour one"
_NO_COMPILING = "where scenarios compile something, the shipped fake build stands in for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was tried. "limited" means that something falls back, "bad" that Pileup cannot work."""

    name: str
    state: Literal["good", "limited", "bad"]
    finding: str
    advice: str = ""


def examine() -> list[Check]:
    """Try everything that Pileup depends on."""
    starting = [_conductor, _schedules, _names] if needs.proc() is None else []  # programs, which are followed there
    checks = [_python, _proc, *starting, _temporary_folder, _loopback, _git, _npm, _make, _cc]
    return [check() for check in checks]


def _python() -> Check:
    return Check(name="python", state="good", finding=f"{platform.python_version()} ({platform.system()})")


def _conductor() -> Check:
    advice = "scenarios run with a start barrier and repetition instead, and the network is not sealed"
    if not kernel.supported():
        return Check(name="conductor", state="limited", finding=kernel.obstacle(), advice=advice)
    try:
        refusal = asyncio.run(_try_listener())
    except (PileupError, OSError) as error:
        return Check(name="conductor", state="bad", finding=str(error))
    if refusal:
        return Check(
            name="conductor", state="limited", finding=f"the kernel refused a listener: {refusal}", advice=advice
        )
    return Check(name="conductor", state="good", finding="system calls can be stopped, and the network sealed")


def _schedules() -> Check:
    """Whether it can be seen that a program sleeps, and why: else a schedule waits longer, and repeats less well."""
    try:
        missing = asyncio.run(_unseen()) if kernel.supported() else ["a program's calls"]
    except (PileupError, OSError) as error:
        return Check(name="schedules", state="limited", finding=str(error), advice=_NO_SCHEDULES)
    if missing:
        finding = f"cannot be read: {', '.join(missing)}"
        return Check(name="schedules", state="limited", finding=finding, advice=_NO_SCHEDULES)
    return Check(
        name="schedules", state="good", finding="it is seen whether a program runs, sleeps or waits for a lock"
    )


async def _unseen() -> list[str]:
    """What of a program's waiting cannot be read, in words."""
    launcher = LauncherClient.start()
    launcher.attach(asyncio.get_running_loop())
    try:
        words = (sys.executable, "-S", "-E", "-c", "import signal; signal.pause()")
        process = await launcher.spawn(Program(argv=words, env={}, cwd="/"))
        wanted = {"the call that it sleeps in": "syscall", "the time that it ran": "schedstat"}
        missing = [what for what, name in wanted.items() if not _readable(Path(f"/proc/{process.pid}/{name}"))]
        process.close()
        return [*missing, *_untold()]
    finally:
        launcher.stop()


def _untold() -> list[str]:
    """What the kernel does not tell of sockets."""
    asked: list[tuple[str, Callable[[], Iterable[object]]]] = [
        ("who answers at a Unix socket's name (CONFIG_UNIX_DIAG)", sockets.answering),
        ("who listens at a port (CONFIG_INET_DIAG)", ports.listeners),
    ]
    return [what for what, ask in asked if not _is_told(ask)]


def _is_told(ask: Callable[[], Iterable[object]]) -> bool:
    try:
        tuple(ask())
    except OSError:
        return False
    return True


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def _names() -> Check:
    """The two ways in which a target's look-ups are answered, each by a program that asks for a vendor."""
    ways = {"by name server": False, "by /etc/hosts": True}
    try:
        works = kernel.supported() and not asyncio.run(_try_listener())
        failing = [
            way for way, in_files in ways.items() if not works or not asyncio.run(leads_to_fakes(in_files=in_files))
        ]
    except (PileupError, OSError) as error:
        return Check(name="names", state="limited", finding=str(error), advice=_NO_NAMES)
    if failing:
        finding = f"vendors' names do not lead to the fakes {' nor '.join(failing)}"
        return Check(name="names", state="limited", finding=finding, advice=_NO_NAMES)
    return Check(name="names", state="good", finding=f"vendors' names lead to the fakes, {' and '.join(ways)}")


async def _try_listener() -> str:
    """Start a real program under the filter; why no listener was given, "" if it was."""
    launcher = LauncherClient.start()
    launcher.attach(asyncio.get_running_loop())
    try:
        words = (sys.executable, "-S", "-E", "-c", "pass")
        process = await launcher.spawn(Program(argv=words, env={}, cwd="/", filter=program({Family.REPLACE})))
        await process.exited
        if process.listener is not None:
            os.close(process.listener)
        process.close()
        return process.refusal
    finally:
        launcher.stop()


def _temporary_folder() -> Check:
    try:
        folder = Path(tempfile.gettempdir())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name="temporary folder", state="bad", finding=str(error), advice="set TMPDIR")
    if not os.access(folder, os.W_OK):
        return Check(name="temporary folder", state="bad", finding=f"{folder} is not writable", advice="set TMPDIR")
    if free < _ENOUGH_BYTES:
        finding = f"{folder} has {free >> 20} MiB left"
        return Check(name="temporary folder", state="limited", finding=finding, advice="free some, or set TMPDIR")
    runs = for_runs(ReferenceTarget())
    elsewhere = f"; the reference's runs have theirs in {runs}" if runs != folder else ""
    return Check(name="temporary folder", state="good", finding=f"{folder}, {free >> 30} GiB free{elsewhere}")


def _proc() -> Check:
    return _needed("proc", needs.proc(), "/proc shows our own processes")


def _loopback() -> Check:
    return _needed("loopback", needs.loopback(), "127.0.0.1 can be listened on and reached")


def _needed(name: str, lack: needs.Lack | None, finding: str) -> Check:
    if lack is not None:
        return Check(name=name, state="bad", finding=lack.finding, advice=lack.advice)
    return Check(name=name, state="good", finding=finding)


def _git() -> Check:
    return _tool("git", "END-1 needs it for its worktrees")


def _npm() -> Check:
    return _tool(
        "npm", "`pileup provision` needs it; where scenarios install a package, the fake build stands in for it"
    )


def _make() -> Check:
    return _tool("make", _NO_COMPILING)


def _cc() -> Check:
    return _tool("cc", _NO_COMPILING)


def _tool(name: str, need: str) -> Check:
    path = shutil.which(name)
    if path is None:
        return Check(name=name, state="limited", finding="not installed", advice=need)
    try:
        ran = subprocess.run([path, "--version"], check=False, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name=name, state="limited", finding=f"{path} does not run: {error}", advice=need)
    words = (ran.stdout or ran.stderr).strip().splitlines() or ["no version"]
    state: Literal["good", "limited"] = "good" if ran.returncode == 0 else "limited"
    return Check(name=name, state=state, finding=words[0], advice="" if state == "good" else need)
