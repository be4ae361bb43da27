"""FLO: the smallest legal and illegal histories of a gateway that is lost."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.gateway_loss import WORKER_KILLED, lost_gateway_is_final, lost_worker_is_final
from tests.harness.histories import asked, check, end, fired, illegal, legal, replied, signalled, start, turn, undecided

FINAL = lost_gateway_is_final
HAS_IT = (start("killed"), asked(1, "killed"))
KILLED = signalled("gateway-killed", 9)
LOST: dict[str, Any] = {"ok": False, "kind": "ambiguous", "code": "gateway-lost", "message": "gone"}
FLO_9 = [
    legal("reported", FINAL, HAS_IT, KILLED, replied(1, outcome="client-gone"), end("killed", **LOST)),
    legal("drained-to-the-end", FINAL, HAS_IT, KILLED, replied(1), end("killed")),
    legal("ended-afterwards", FINAL, HAS_IT, replied(1), end("killed"), KILLED),
    illegal("begun-again", FINAL, "FLO-9", "killed: the gateway was lost|requests after that: 1", [1, 2, 3, 5],
        HAS_IT, KILLED, asked(2, "killed"), replied(2), end("killed")),
    illegal("begun-again-in-vain", FINAL, "FLO-9", "begun again elsewhere", [1, 2, 3, 4],
        HAS_IT, KILLED, asked(2, "killed"), end("killed", **LOST)),
    illegal("no-answer-is-no-success", FINAL, "FLO-9", "reported success", [1, 2, 4],
        HAS_IT, KILLED, replied(1, outcome="client-gone"), end("killed")),
    *[
        illegal(name, FINAL, "FLO-9", "does not say so by status and code: “gone”", [1, 2, 3],
            HAS_IT, KILLED, end("killed", **{**LOST, **how}))
        for name, how in (("no-code", {"code": ""}), ("trace", {"traceback": True}), ("status", {"exit_status": 0}))
    ],
    illegal("only-the-first-signal-counts", FINAL, "FLO-9", "begun again", [1, 2, 3, 5],
        HAS_IT, KILLED, asked(2, "killed"), signalled("gateway-killed", 15), end("killed", **LOST)),
    undecided("nobody-was-ended", FINAL, "no gateway was ended", HAS_IT, end("killed")),
    undecided("it-had-nothing", FINAL, "no gateway was ended", start("killed"), KILLED, asked(1, "killed"),
        end("killed")),
    undecided("never-ended", FINAL, "no gateway was ended", HAS_IT, KILLED),
]  # fmt: skip

WORKER = lost_worker_is_final
DEAD = (start("lost"), asked(1, "lost"), fired(WORKER_KILLED))
AFTER = turn("after-lost")
LOST_WORKER = [
    legal("reported", WORKER, DEAD, end("lost", **LOST), AFTER),
    legal("none-was-killed", WORKER, start("lost"), asked(1, "lost"), replied(1), end("lost"), AFTER),
    illegal("begun-again", WORKER, "FLO-9", "lost: the worker was lost|requests after that: 1", [2, 3, 5],
        DEAD, asked(2, "lost"), replied(2), end("lost"), AFTER),
    illegal("no-answer-is-no-success", WORKER, "FLO-9", "reported success", [2, 3], DEAD, end("lost"), AFTER),
    illegal("says-nothing", WORKER, "FLO-9", "does not say so by status and code", [2, 3],
        DEAD, end("lost", **{**LOST, "code": ""}), AFTER),
    illegal("session-unusable", WORKER, "FLO-9", "the next turn of its session fails: “busy”", [2, 5],
        DEAD, end("lost", **LOST), turn("after-lost", ok=False, kind="busy", message="busy")),
    undecided("never-ended", WORKER, "lost", DEAD, AFTER),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*FLO_9, *LOST_WORKER])
def test_gateway_loss(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
