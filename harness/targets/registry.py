"""From a name on the command line to a target: "reference", "variant:NAME", "openclaw@VERSION", "file.py:attribute"."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from harness.errors import UsageError
from harness.targets.protocol import Capability, Target
from harness.targets.reference import ReferenceTarget
from harness.targets.variant import variant_names, variant_target

# Real programs: the module of the adapter, and the release on which it was made.
_REAL = {
    "openclaw": ("harness.targets.openclaw", "2026.3.8"),
    "codex": ("harness.targets.codex", "0.169.0"),
    "claude-code": ("harness.targets.claude_code", "2.1.330"),
    "pi": ("harness.targets.pi", "0.73.1"),
    "opencode": ("harness.targets.opencode", "1.18.33"),
}
_PROTOCOL = ("name", "version", "argv", "capabilities", "patience", "needs_tls", "prepare", "command", "read")
_CAPABILITIES = "give a set of harness.targets.protocol.Capability, such as {Capability.ADD_AGENTS}"


def find(name: str) -> Target:
    """The target of that name. Raises UsageError, saying which names there are."""
    if name == "reference":
        return ReferenceTarget()
    if name.startswith("variant:"):
        return variant_target(name.removeprefix("variant:"))
    if ".py:" in name:  # the last of them: folders may have a colon in their names
        stem, _, attribute = name.rpartition(".py:")
        return _from_file(f"{stem}.py", attribute)
    if "@" in name:
        return _real(*name.split("@", 1))
    if name.endswith(".py"):
        raise UsageError(f"--target {name}: it does not say which adapter", hint=f"add its name: {name}:attribute")
    raise UsageError(f"there is no target {name!r}", hint=_meant(name, [*known(), *patterns()]))


def known() -> list[str]:
    """Every name that `find` takes, patterns included."""
    real = [f"{program}@{version}" for program, (_, version) in _REAL.items()]
    return ["reference", *(f"variant:{name}" for name in variant_names()), *real, "path/to/file.py:attribute"]


def states() -> list[tuple[str, str]]:
    """Every target by name, with what can be said of it before it is used."""
    from harness.targets import catalog
    from harness.targets.provision import cache_folder, installed

    rows = [("reference", "shipped here"), *((f"variant:{name}", "shipped here") for name in variant_names())]
    for recipe in catalog.RECIPES:
        there = installed(recipe, cache_folder()) is not None
        rows.append((recipe.label, "installed" if there else f"not installed; try: pileup provision {recipe.label}"))
    return [*rows, ("file.py:attribute", "an adapter of your own, see docs/writing-a-target.md")]


def patterns() -> list[str]:
    """The kinds of name that `find` takes."""
    return [
        "reference",
        "variant:NAME",
        "openclaw@VERSION",
        "codex@VERSION",
        "claude-code@VERSION",
        "pi@VERSION",
        "opencode@VERSION",
        "file.py:attribute",
    ]


def _real(program: str, version: str) -> Target:
    """The adapter's own function for that; imported when it is needed, as most runs need none."""
    if program not in _REAL:
        raise UsageError(f"there is no adapter for {program!r}", hint=_meant(program, _REAL))
    found: Target = importlib.import_module(_REAL[program][0]).find(version)
    return found


def _meant(name: str, names: Iterable[str]) -> str:
    """What could have been meant: there are too many targets for a line."""
    release = f"{name}@{_REAL[name][1]}" if name in _REAL else None
    close = [release] if release else difflib.get_close_matches(name, names)
    return f"{f'did you mean {close[0]}? ' if close else ''}`pileup targets` lists them; your own is file.py:attribute"


def _from_file(path: str, attribute: str) -> Target:
    """An adapter outside this project: an instance, or a class or function that gives one."""
    file, given = Path(path), f"--target {path}:{attribute}"
    if not os.path.isfile(path):  # noqa: PTH113 - pathlib's own raises for a name that is too long
        raise UsageError(f"{given}: there is no file {path}", hint="give a path to a Python file")
    with _told(f"{given}: cannot be imported", hint="its file must import without error"):
        module = _load(file)
    found = getattr(module, attribute, None)
    if found is None:
        raise UsageError(f"{given}: {path} has no {attribute!r}", hint=_defined(module))
    with _told(f"{given}: gives no adapter", hint="name an adapter, or what gives one when it is called with nothing"):
        target = found() if callable(found) else found
        missing = [name for name in _PROTOCOL if not hasattr(target, name)]
    if missing:
        raise UsageError(
            f"{given}: not an adapter, it lacks {', '.join(missing)}",
            hint="harness/targets/protocol.py says what an adapter offers",
        )
    for name in ("name", "version"):  # every report begins with them
        if not isinstance(value := getattr(target, name), str):
            raise UsageError(f"{given}: its {name} is {value!r}", hint=f"{name} must be a string")
    with _told(f"{given}: its capabilities cannot be read", hint=_CAPABILITIES):
        strange = [each for each in target.capabilities if not isinstance(each, Capability)]
    if strange:  # what no scenario knows would make them all UNSUPPORTED, which looks like success
        raise UsageError(f"{given}: its capabilities hold {strange[0]!r}", hint=_CAPABILITIES)
    return target  # type: ignore[no-any-return]


@contextmanager
def _told(what: str, *, hint: str) -> Iterator[None]:
    """Whatever somebody's own code raises, sys.exit() included, is a UsageError."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise UsageError(f"{what}: {type(error).__name__}: {error}", hint=hint) from error


def _defined(module: ModuleType) -> str:
    """What else could have been meant."""
    here = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]
    return f"it has: {', '.join(here)}" if here else "it defines nothing"


def _load(file: Path) -> ModuleType:
    name = f"pileup_target_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if (beside := str(file.parent.absolute())) not in sys.path:
        sys.path.append(beside)  # it may be of several files, as a script may; the last place, so that it hides nothing
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
