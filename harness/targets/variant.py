"""Variants of the reference: the same program with one part replaced by a mistake that a real project made."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from harness.errors import UsageError
from harness.targets.reference import ReferenceTarget

_FOLDER = Path(__file__).resolve().parents[2] / "reference" / "variants"
_PLUMBING = frozenset({"__init__", "__main__"})


@cache
def variant_names() -> tuple[str, ...]:
    """Every variant, by file name: nobody imports the reference, it is a program."""
    return tuple(sorted(p.stem.replace("_", "-") for p in _FOLDER.glob("[!_]*.py") if p.stem not in _PLUMBING))


def variant_target(name: str) -> ReferenceTarget:
    """The adapter of one variant. Raises UsageError for an unknown name."""
    if name not in variant_names():
        close = difflib.get_close_matches(name, variant_names())
        meant = f"did you mean variant:{close[0]}? " if close else ""
        raise UsageError(f"there is no variant {name!r}", hint=f"{meant}`pileup targets` lists them")
    return ReferenceTarget(f"variant:{name}", ("reference.variants", name))
