"""An add makes its workspace first, and then finds that the name is taken.

Breaks RES-5. Each add that is refused leaves an empty folder where nobody has asked for one.
"""

from __future__ import annotations

from reference import agents
from reference.home import make_folder, missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.parts import Parts

BREAKS = ("RES-5",)

_add = agents.add


def _folder_first(config: dict[str, Any], name: str, workspace: str) -> None:
    for folder in missing(workspace):
        make_folder(folder)
    _add(config, name, workspace)


def replace(parts: Parts) -> Parts:
    """Swap how an agent gets into the config."""
    agents.add = _folder_first
    return parts
