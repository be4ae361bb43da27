"""Every command line that an adapter's capabilities promise: whole, the same each time, and of the site alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from harness.lab import Lab
from harness.targets.conformance.check import check, require
from harness.targets.conformance.material import intents, prepared
from harness.targets.protocol import Command

_CANARY = "pileup-canary"
# What programs take for the place of their state; beside these, whatever a variable of its own names.
_STATE = (
    *("HOME", "TMPDIR", "TMP", "TEMP", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"),
    "XDG_RUNTIME_DIR",
)


def _commands(lab: Lab) -> list[tuple[str, Command]]:
    prepared(lab)
    return [(intent.verb, lab.target.command(lab.site, intent)) for intent in intents(lab.target, lab.site)]


@check()
async def test_commands_are_whole(lab: Lab) -> None:
    """A command is argv with an absolute program that is there, an environment of strings, and a folder of the site."""
    for verb, command in _commands(lab):
        at = f"the command for “{verb}”"
        require(
            isinstance(command, Command) and isinstance(command.argv, tuple) and command.argv,
            f"{at} is {command!r}",
            "return harness.targets.protocol.Command(argv=(...), env={...}, cwd=...)",
        )
        require(
            all(isinstance(word, str) and "\0" not in word for word in command.argv),
            f"{at} has words that are no strings: {command.argv!r}",
            "give every word of argv as str",
        )
        _program(at, command.argv[0])
        _environment(at, command.env)
        require(
            isinstance(command.cwd, Path) and command.cwd.is_dir() and command.cwd.is_relative_to(lab.site.root),
            f"{at} would run in {command.cwd}",
            "let cwd be a folder of the site that exists: site.home, or site.workspace(agent)",
        )


def _program(at: str, program: str) -> None:
    require(
        Path(program).is_absolute() and os.access(program, os.X_OK) and Path(program).is_file(),
        f"{at} starts {program!r}, which is no absolute path of a program that can be run",
        "find the program when the adapter is made (shutil.which, sys.executable), and give its absolute path",
    )


def _environment(at: str, env: Mapping[str, str]) -> None:
    wrong = [
        name
        for name, value in env.items()
        if not (isinstance(name, str) and isinstance(value, str) and name and "=" not in name and "\0" not in value)
    ]
    require(not wrong, f"{at} has an environment with {wrong!r}", "names and values are str, as execve(2) takes them")


@check()
async def test_commands_inherit_nothing(lab: Lab) -> None:
    """The environment is complete and the adapter's own: of the harness's it takes PATH at most."""
    prepared(lab)
    for intent in intents(lab.target, lab.site):
        with _strange_environment():
            command = lab.target.command(lab.site, intent)
        inherited = [name for name, value in command.env.items() if _CANARY in value]
        require(
            not inherited,
            f"the command for “{intent.verb}” takes {', '.join(inherited)} from the harness's own environment",
            "build env from literals and the site, and start from {}, never from os.environ: PATH alone may be copied",
        )


@contextmanager
def _strange_environment() -> Iterator[None]:
    """An environment in which everything but PATH says where it is from."""
    strange = {name: f"/{_CANARY}/{name}" for name in (*os.environ, *_STATE, "LANG", "PILEUP_STRANGER")}
    with patch.dict(os.environ, {**strange, "PATH": os.environ.get("PATH", os.defpath)}):
        yield


@check()
async def test_commands_are_repeatable(lab: Lab) -> None:
    """The same intent in the same site is the same command."""
    first = _commands(lab)
    second = [(intent.verb, lab.target.command(lab.site, intent)) for intent in intents(lab.target, lab.site)]
    for (verb, one), (_, other) in zip(first, second, strict=True):
        require(
            one == other,
            f"the command for “{verb}” is another one when it is asked for again: {one!r}, then {other!r}",
            "put no time, number or random name into it: a replay must start the same command",
        )


@check()
async def test_state_is_in_the_site(lab: Lab) -> None:
    """Whatever says where a program's state lies names a folder of the site."""
    for verb, command in _commands(lab):
        outside = [
            f"{name}={command.env[name]}"
            for name in _STATE
            if name in command.env and not Path(command.env[name]).is_relative_to(lab.site.root)
        ]
        require(
            not outside,
            f"the command for “{verb}” has {', '.join(outside)}",
            "let HOME be site.home and TMPDIR site.tmp: else runs share state, and your own files are at stake",
        )
