"""CFG-10: what stays of a turn that had returned before the power failed."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.acknowledged import turn_survives_power_loss
from harness.events import ChangeLost, FileSeen, FilesRecorded, PowerLost
from tests.harness.histories import asked, check, end, illegal, legal, start, turn, undecided

RECORDED = FilesRecorded(actors=("returned",), operations=(), states=2, left_out=0, unknown=())
RETURNED = (*turn("returned"), RECORDED)
TOLD = ("returned", "re-returned")
OLDER = "the credential that it had renewed is not there"


def lost(path: str = "session") -> ChangeLost:
    return ChangeLost(path=path, call="write", what="bytes", left="nothing", moved=False)


def cut(trial: str, *losses: ChangeLost) -> PowerLost:
    return PowerLost(trial=trial, moment=9, operations=9, lost=losses, models=("posix",), behind=())


def stored(generation: int | None) -> FileSeen:
    return FileSeen(
        role="profile main", path="main", exists=generation is not None, size=1, digest="", parses=None,
        facts={"generation": generation},
    )  # fmt: skip


def after(trial: str, *markers: str, **ending: Any) -> tuple[Any, ...]:
    """The first turn after a cut, and what it is told."""
    return start(f"{trial}-next"), asked(1, f"{trial}-next", markers=markers), end(f"{trial}-next", **ending)


CFG_10 = [
    legal("is-there", turn_survives_power_loss, RETURNED, cut("cut0", lost()), after("cut0", *TOLD)),
    legal("token-is-there", turn_survives_power_loss, RETURNED, stored(1), cut("cut0", lost()), stored(1),
        after("cut0", *TOLD)),
    illegal("not-told", turn_survives_power_loss, "CFG-10", "did not sync session after the write|is not told of it "
        "(2 of 2 states", [7, 9], RETURNED, cut("cut0", lost(), lost("more")), after("cut0"), cut("cut1", lost()),
        after("cut1", "returned")),
    illegal("does-not-work", turn_survives_power_loss, "CFG-10", "the next turn fails: “E” (exit 1)", [3, 6],
        RETURNED, cut("cut0", lost()), after("cut0", ok=False)),
    illegal("an-older-token", turn_survives_power_loss, "CFG-10", OLDER, [4, 5],
        RETURNED, stored(1), cut("cut0", lost()), stored(0), after("cut0", ok=False)),
    illegal("no-token", turn_survives_power_loss, "CFG-10", OLDER, [4, 5],
        RETURNED, stored(1), cut("cut0", lost()), stored(None), after("cut0", *TOLD)),
    undecided("failed-before", turn_survives_power_loss, "the turn before the cut failed", turn("returned", ok=False)),
    undecided("no-cut", turn_survives_power_loss, "no state after a power cut was tried", RETURNED),
    undecided("nobody-knows", turn_survives_power_loss, "is not known: mmap", turn("returned"),
        FilesRecorded(actors=(), operations=(), states=0, left_out=0, unknown=("mmap",))),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CFG_10)
def test_acknowledged(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
