"""Which real CLIs can be installed, and how each of them was.

One frozen recipe per release that was installed and started here. It refuses ranges, tags and guesses about
unknown programs: a run must name the exact program that it judged. A release of a known program that has no
recipe of its own (`pileup bisect` walks through many) borrows the newest recipe that is not newer than it,
else the oldest one, and says so: `proven` is then false and a failed install names the recipe it borrowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.errors import UsageError

_EXACT = re.compile(r"\d+(?:\.\d+)+(?:-[0-9A-Za-z.-]+)?")
_NODE_22 = "22.22.3"
_NODE_24 = "24.21.0"
# libsignal is a git dependency in these releases, which needs git, a compiler and a host beside the registry.
_EARLY_OPENCLAW = (("libsignal", "npm:libsignal@6.0.0"), ("linkedom", "0.18.12"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one release of one program is installed from npm.

    `entry` is a path below `node_modules`; `node` is the version of the interpreter that runs it, or None for
    a program that is itself an executable; `overrides` are npm's overrides, as (package, replacement). `warm_up` are
    the words of a command that makes, in an empty home, what the program's first command would have to make.
    """

    name: str
    version: str
    package: str
    entry: str
    node: str | None = None
    overrides: tuple[tuple[str, str], ...] = ()
    warm_up: tuple[str, ...] = ()  # () for a program whose first command is like every other
    megabytes: int = 0  # on disk, once installed
    proven: bool = True
    borrowed_from: str = ""  # the version whose recipe this is, when not its own

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


def _openclaw(version: str, node: str, megabytes: int, overrides: tuple[tuple[str, str], ...] = ()) -> Recipe:
    return Recipe(
        name="openclaw",
        version=version,
        package="openclaw",
        entry="openclaw/openclaw.mjs",
        node=node,
        overrides=overrides,
        megabytes=megabytes,
    )


RECIPES: tuple[Recipe, ...] = (
    _openclaw("2026.3.8", _NODE_22, 760, _EARLY_OPENCLAW),
    _openclaw("2026.4.2", _NODE_22, 840, _EARLY_OPENCLAW),
    _openclaw("2026.6.11", _NODE_22, 540),
    _openclaw("2026.9.6", _NODE_24, 830),
    Recipe(
        name="codex",
        version="0.169.0",
        package="@openai/codex",
        entry="@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
        megabytes=410,
    ),
    Recipe(
        name="claude-code",
        version="2.1.330",
        package="@anthropic-ai/claude-code",
        entry="@anthropic-ai/claude-code-linux-x64/claude",
        megabytes=370,
    ),
    Recipe(
        name="pi",
        version="0.73.1",
        package="@mariozechner/pi-coding-agent",
        entry="@mariozechner/pi-coding-agent/dist/cli.js",
        megabytes=400,
        node=_NODE_22,
    ),
    Recipe(
        name="opencode",
        version="1.18.33",
        package="opencode-ai",
        entry="opencode-linux-x64/bin/opencode",
        # Its database, with all its tables in one file: without it, commands that begin at once fail at making them.
        warm_up=("db", "pragma wal_checkpoint(truncate)"),
        megabytes=360,
    ),
)


def find_recipe(spec: str) -> Recipe:
    """The recipe of `name@version`.

    Raises `UsageError` for a program that is not known and for a version that is missing or not exact.
    """
    name, _, version = spec.partition("@")
    own = [recipe for recipe in RECIPES if recipe.name == name]
    if not own:
        raise UsageError(f"no recipe to install {spec!r}", hint=f"known: {_labels(RECIPES)}")
    if not _EXACT.fullmatch(version):
        hint = f"write {name}@VERSION with an exact version; known: {_labels(own)}"
        raise UsageError(f"{spec!r} does not name one exact release of {name}", hint=hint)
    for recipe in own:
        if recipe.version == version:
            return recipe
    return _borrowed(own, version)


def _borrowed(own: list[Recipe], version: str) -> Recipe:
    ascending = sorted(own, key=lambda recipe: _order(recipe.version))
    older = [recipe for recipe in ascending if _order(recipe.version) <= _order(version)]
    base = older[-1] if older else ascending[0]
    return replace(base, version=version, proven=False, borrowed_from=base.version)


def _order(version: str) -> tuple[int, ...]:
    """Numbers only: a pre-release counts as the release that it leads to."""
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def _labels(recipes: Iterable[Recipe]) -> str:
    return ", ".join(recipe.label for recipe in recipes)
