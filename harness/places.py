"""Where the shipped scenarios and their rules lie; known to the plug-in and to the command line."""

import os
from pathlib import Path

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
RULES_FILE = SCENARIOS / "rules.toml"


def for_pytest(file: Path, shell: Path) -> tuple[str, ...]:
    """The words by which pytest, started in the folder `shell`, finds a file of scenarios.

    A node id does not tell: it starts at pytest's root folder, or at whatever was named on the command line.
    """
    if file.is_relative_to(shell):
        return (str(file.relative_to(shell)),)
    if file.is_relative_to(SCENARIOS):
        return ("--pyargs", ".".join(file.relative_to(SCENARIOS.parent).with_suffix("").parts))
    return (os.path.relpath(file, shell),)
