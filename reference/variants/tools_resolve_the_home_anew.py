"""Tools get the path of the state directory as it was given, and find another folder by it where that is relative.

Breaks CFG-11. What an agent sets up by the program itself is in a state directory of its workspace, which nobody knows.
"""

from __future__ import annotations

import os

from reference import sessions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.home import Home
    from reference.parts import Parts

BREAKS = ("CFG-11",)

_enter_run = sessions.enter_run


def _as_given(home: Home, run_id: str, chain: str) -> None:
    """Tell tools all but where the state is."""
    given = os.environ.get("REFERENCE_HOME")
    _enter_run(home, run_id, chain)
    if given is not None:
        os.environ["REFERENCE_HOME"] = given


def replace(parts: Parts) -> Parts:
    """Swap what tools are told."""
    sessions.enter_run = _as_given
    return parts
