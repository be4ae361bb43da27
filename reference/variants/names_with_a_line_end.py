"""A name is checked by a pattern that ends with `$`, which also lets a line end pass behind the name.

Breaks RES-5. Python's and Perl's `$` are like that, and names read from a file have one: two agents look alike.
"""

from __future__ import annotations

import re

from reference import home
from reference.commands import agents
from reference.parts import Parts

BREAKS = ("RES-5",)

_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")


def _checked(name: str, what: str) -> str:
    return name if _NAME.match(name) else home.checked_name(name, what)


def replace(parts: Parts) -> Parts:
    """Swap how the names of agents are checked."""
    agents.checked_name = _checked  # type: ignore[attr-defined]
    return parts
