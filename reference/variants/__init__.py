"""The reference with one part replaced by a mistake that a real project made, one file each.

A variant is a module here whose name has no leading underscore. Its docstring says what is wrong and who made
the mistake, `BREAKS` which rules it breaks in every run and `MAY_BREAK`, if it is there, which by chance, or
by keeping their fault from happening; `replace` swaps the part. Everything else works as it should: a scenario
that fails on a variant fails because of that mistake.
"""

from __future__ import annotations

import os

from reference.errors import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts


def names() -> list[str]:
    """Every variant, as it is called on the command line."""
    entries = sorted(os.listdir(os.path.dirname(__file__)))
    return [e.removesuffix(".py").replace("_", "-") for e in entries if e.endswith(".py") and e[0] != "_"]


def load(name: str) -> Any:
    """The variant's module. Raises Usage(`unknown-variant`)."""
    from importlib import import_module

    if name not in names():
        raise Usage(
            "unknown-variant",
            f"there is no variant {ascii(name)[:80]}",
            hint="`python -m reference.variants` lists them",
        )
    return import_module(f"reference.variants.{name.replace('-', '_')}")


def parts(name: str, default: Parts) -> Parts:
    """The default parts with this variant's mistake in them; the gateway's workers make it too."""
    replaced: Parts = load(name).replace(default)
    return replaced.replace(program=("-m", "reference.variants", name))


def listed() -> list[dict[str, Any]]:
    """Every variant with the rules it breaks and the first line of its docstring."""
    found = []
    for name in names():
        module = load(name)
        summary = (module.__doc__ or "").strip().splitlines()[0]
        may_break = list(getattr(module, "MAY_BREAK", ()))
        found.append({"name": name, "breaks": list(module.BREAKS), "may_break": may_break, "summary": summary})
    return found
