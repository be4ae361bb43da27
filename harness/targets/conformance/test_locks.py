"""What an adapter does to a session's locks: it leaves or takes away what the program itself would have."""

from __future__ import annotations

import re
from pathlib import Path

from harness.lab import Lab
from harness.processes import tree
from harness.targets.conformance.check import check, require
from harness.targets.conformance.material import AGENT, held_turn, prepared, texts
from harness.targets.extras import break_lock
from harness.targets.protocol import Capability


def _naming(lab: Lab, *pids: int) -> set[Path]:
    """The files of the home in which one of these pids stands; SQLite's write-ahead log is its database."""
    number = re.compile(rf"\b(?:{'|'.join(map(str, pids))})\b")
    naming = (path for path, text in texts(lab.site.home) if number.search(text))
    return {path.with_name(path.name.removesuffix("-wal")) for path in naming}


@check(Capability.TURN, Capability.SESSION_HOLDER)
async def test_a_planted_holder_is_where_the_program_looks(lab: Lab) -> None:
    """`plant_holder` writes the pid into the file in which the program itself records who holds a session."""
    prepared(lab)
    async with held_turn(lab) as run:
        own = _naming(lab, *tree.family({run.pid}))
    require(
        own,
        "while a turn holds its session, no file of the home names its process",
        "a program without such a record has no SESSION_HOLDER: leave it out",
    )
    stranger = lab.launcher.pid
    planted = lab.target.plant_holder(lab.site, AGENT, stranger)
    mine = _naming(lab, stranger)
    require(
        planted is True and mine & own,
        f"plant_holder gave {planted}; the program's record was {_names(own)}, the planted pid is in {_names(mine)}",
        "write the record of a crashed run: the program's own file and format, with that pid, and return True",
    )


@check(Capability.TURN, Capability.LOCK_FILES)
async def test_a_lock_file_can_be_deleted(lab: Lab) -> None:
    """`break_lock` deletes the file of a held session's lock, and says False where there is none."""
    prepared(lab)
    require(
        break_lock(lab.target, lab.site, AGENT) is False,
        "break_lock gives True before any turn",
        "return whether there was a file",
    )
    async with held_turn(lab):
        before = {path for path in lab.site.home.rglob("*") if path.is_file()}
        broken = break_lock(lab.target, lab.site, AGENT)
        gone = {path for path in before if not path.exists()}
    require(
        broken is True and gone,
        f"a turn holds its session; break_lock gave {broken}, and took away {_names(gone) or 'no file'}",
        "delete the program's own lock file, and return True; for a lock that is no file leave LOCK_FILES out",
    )


def _names(paths: set[Path]) -> str:
    return ", ".join(sorted(path.name for path in paths))
