"""Who may import whom, read from the source and not from a running program.

An arrow that is not here does not exist: a module that needs a new one changes this file, and somebody reads it.
Imports under `if TYPE_CHECKING:` count for nothing, as they give names to annotations and are gone at run time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"fakes", "harness", "reports", "reference", "scenarios", "bench"}

# Each folder, and what of ours it may import beside itself.
FOLDERS = {
    "fakes": [],  # they tell a `record` callback what happens
    "reports": [],  # they read records, which outlive the program that wrote them
    "reference": [],  # a program under test, and nobody imports it: it is started like any other target
    "harness": ["fakes", "reports"],
    "scenarios": ["harness", "fakes.script", "fakes.oauth"],
    "bench": ["harness", "fakes", "reports"],
}

# The harness from top to bottom: a module imports from lines below its own, or from its own line.
LAYERS = [
    ["__main__"],
    ["plugin", "cli"],
    ["session.session"],
    ["targets.conformance"],  # it runs adapters in labs, so it stands above these
    ["session", "commands"],
    ["campaign"],
    ["shrinking", "undisturbed"],
    ["runner"],
    ["lab"],
    ["scenario", "rules_page"],
    ["checkers", "targets", "conductor", "processes", "journal", "plan", "places"],
    ["schedules"],
    ["events", "verdict"],
    ["arguments", "errors", "outcome", "observations", "version", "powerloss", "contents", "needs"],
]

# Checkers have no clock, no socket and no randomness, so that a stored history can be judged again.
CHECKERS_FROM_OURS = ["harness.checkers", "harness.events", "harness.outcome", "harness.verdict"]
CHECKERS_FROM_OUTSIDE = [
    *["__future__", "collections", "collections.abc", "dataclasses", "functools", "itertools", "json", "re"],
    *["signal", "traceback", "typing"],
]

# Python has no inotify, and these are programs, which nobody imports.
INOTIFY = [Path("bench/corpus/programs/watch-after-look", twin) for twin in ("buggy.py", "repaired.py")]

# Names of the outside world that only these files may know.
ONLY_IN = {
    "pytest": ["harness/plugin.py", "harness/session/session.py", "harness/session/interrupts.py"],
    "ctypes": ["harness/conductor/kernel.py", "reference/tools/kernel.py", *map(str, INOTIFY)],
}


def test_folders_import_only_what_is_listed() -> None:
    """No folder knows another that it was not given."""
    wrong = [
        f"{path} imports {name}, but {folder} may import only {', '.join([folder, *allowed])}"
        for folder, allowed in FOLDERS.items()
        for path, name in imports(folder)
        if top(name) in OURS and not within(name, [folder, *allowed])
    ]
    assert not wrong, "\n".join(wrong)


def test_harness_imports_downwards() -> None:
    """The assembler knows the parts; no part knows the assembler."""
    wrong = [
        f"{path} imports {name}, which is above it"
        for path, name in imports("harness")
        if top(name) == "harness" and name != "harness" and layer(name) < layer(dotted(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_every_module_of_the_harness_has_its_place() -> None:
    """A new module is put into a layer by a person."""
    modules = (path.relative_to(ROOT) for path in (ROOT / "harness").rglob("*.py") if path.name != "__init__.py")
    wrong = [f"{path} stands in no line of LAYERS" for path in modules if layer(dotted(path)) < 0]
    assert not wrong, "\n".join(wrong)


def test_checkers_are_pure() -> None:
    """What a checker may lean on is named, one by one."""
    wrong = [
        f"{path} imports {name}"
        for path, name in imports("harness/checkers")
        if not within(name, CHECKERS_FROM_OURS) and name not in CHECKERS_FROM_OUTSIDE
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("outsider", ONLY_IN)
def test_outside_world_is_kept_in_its_place(outsider: str) -> None:
    """pytest is known to its glue alone, and so is each foreign function interface; both are really used there."""
    found = {str(path) for folder in FOLDERS for path, name in imports(folder) if top(name) == outsider}
    assert found == set(ONLY_IN[outsider])


def imports(folder: str) -> Iterator[tuple[Path, str]]:
    """Every import of every file below: the file, and the dotted name of the module (or of the thing in it)."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in at_run_time(tree):
            if isinstance(node, ast.Import):
                yield from ((path.relative_to(ROOT), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((path.relative_to(ROOT), name) for name in modules_of(node))


def modules_of(node: ast.ImportFrom) -> Iterator[str]:
    """`from harness.conductor import kernel` names harness.conductor.kernel; `from os import path` names os."""
    assert node.module is not None, "imports are absolute"
    for alias in node.names:
        inner = ROOT.joinpath(*node.module.split("."), alias.name)
        is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
        yield f"{node.module}.{alias.name}" if is_module else node.module


def at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from at_run_time(child)


def layer(name: str) -> int:
    """The line of LAYERS that a module of the harness stands in, by its longest entry; -1 for none."""
    places = {entry: line for line, entries in enumerate(LAYERS) for entry in entries}
    inner = name.removeprefix("harness.")
    fitting = [entry for entry in places if inner == entry or inner.startswith(entry + ".")]
    return places[max(fitting, key=len)] if fitting else -1


def dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def top(name: str) -> str:
    return name.partition(".")[0]


def within(name: str, allowed: list[str]) -> bool:
    return any(name == entry or name.startswith(entry + ".") for entry in allowed)
