"""RES: the smallest legal and illegal histories of commands that met a full disk, a refusal or a limit."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.resources import (
    crowded_gateway_is_weathered,
    denial_is_weathered,
    exhaustion_is_weathered,
    full_disk_is_weathered,
)
from harness.events import Hung
from harness.outcome import RunSeen
from tests.harness.histories import (
    add,
    answered,
    asked,
    check,
    end,
    file,
    gone,
    illegal,
    legal,
    listing,
    struck,
    turn,
    undecided,
)

STRUCK = struck("v", "ENOSPC", "fsync", "config.json")
TYPED = {"ok": False, "kind": "local", "code": "disk-full", "subject": "config.json"}
RUNNING = RunSeen(id="r-1", agent="a", status="running", pid=7)
AFTER = (file(), *listing("bystander", actor="v-list"), *add("v", "v-again"))
DONE = listing("bystander", "v", actor="v-list")
TOLD = ("v", "re-v", "v-again")
CONFLICT = add("v", "v-again", ok=False, kind="usage", code="agent-exists")
checker, crowded = full_disk_is_weathered, crowded_gateway_is_weathered
LIMIT = {"ok": False, "kind": "local", "code": "out-of-descriptors", "subject": "open files"}

CASES = [
    legal("crowded", crowded,
        turn("crowded-0", **LIMIT), asked(1, "crowded-2"), turn("crowded-2"), turn("after"), turn("kept")),
    illegal("crowded-and-content", crowded, "RES-3", "the turn crowded-2|is a success, and no model was asked", [1],
        turn("crowded-2"), turn("after"), turn("kept")),
    illegal("crowded-and-unclear", crowded, "RES-3", "descriptors the error names neither a path nor", [1],
        turn("crowded-0", **{**LIMIT, "subject": ""}), turn("after"), turn("kept")),
    illegal("crowded-and-lost", crowded, "RES-3", "the turn kept at a gateway without descriptors does not work", [5],
        turn("crowded-0", **LIMIT), turn("after"), turn("kept", ok=False, kind="ambiguous")),
    illegal("crowded-for-good", crowded, "RES-3", "the turn after at a gateway without descriptors does not work", [3],
        turn("crowded-0", **LIMIT), turn("after", **LIMIT), turn("kept")),
    illegal("gateway-ended-of-it", crowded, "RES-3", "a gateway ended for want of descriptors", [2],
        turn("crowded-0", **LIMIT), end("gateway", "gateway run", ok=False, kind="local"), turn("after"), turn("kept")),
    undecided("never-lifted", crowded, "after was never started", turn("crowded-0", **LIMIT)),
    legal("typed", checker, STRUCK, add("v", "v", **TYPED), AFTER),
    legal("done-all-the-same", checker, STRUCK, add("v", "v"), file(), DONE, CONFLICT),
    legal("done-and-refused-without-a-code", checker, STRUCK, add("v", "v"), file(), DONE,
        add("v", "v-again", ok=False, kind="usage", code="")),
    legal("failed-and-yet-done", checker, STRUCK, add("v", "v", **TYPED), file(), DONE, CONFLICT),
    legal("an-error-without-a-place-for-paths", checker, STRUCK, add("v", "v", **{**TYPED, "subject": None}), AFTER),
    legal("a-database-that-nobody-can-read", checker, STRUCK, turn("v", **TYPED), file("credentials", parses=None),
        turn("v-again")),
    legal("turn", checker, STRUCK, turn("v", **TYPED), file(), turn("v-again")),
    legal(
        "new-token-could-not-be-kept", checker, STRUCK, answered("minted"), turn("v", **TYPED),
        turn("v-again", ok=False, kind="auth", code="reauthentication-needed"),
    ),
    illegal(
        "new-token-lost-in-silence", checker, "RES-1", "agent does not work again after ENOSPC", [0, 5],
        STRUCK, answered("minted"), turn("v"), turn("v-again", ok=False, kind="auth", code="reauthentication-needed"),
    ),
    legal(
        "cancel", checker, STRUCK, end("v", "runs cancel"), end("v-list", "runs list", runs=()),
        end("v-again", "runs cancel", ok=False, kind="local", code="already-finished"),
    ),
    *[
        illegal(name, checker, "RES-1", f"agents add (ENOSPC at fsync config.json): {said}", [0, 2],
            STRUCK, add("v", "v", **{**TYPED, **how}), AFTER)
        for name, how, said in (
            ("internal", {"kind": "internal"}, "failed without a typed error"),
            ("unclear", {"kind": "unclear"}, "failed without a typed error"),
            ("no-code", {"code": ""}, "failed without a typed error"),
            ("no-path", {"subject": ""}, "the error names neither a path nor a limit"),
            ("exit-0", {"exit_status": 0}, "reported a failure, but exited 0"),
            ("stack-trace", {"traceback": True}, "ended with a stack trace"),
            ("died", {"exit_status": None}, "died of it"),
            ("ok-and-exit-1", {"ok": True, "exit_status": 1}, "reported success, but exited 1"),
            ("swallowed", {"ok": True, "exit_status": 0}, "reported success, but the work was not done"),
        )
    ],
    illegal("hung", checker, "RES-1", "agent (ENOSPC at fsync config.json): did not end within 60 s", [0, 3], STRUCK,
        Hung(actor="v", seconds=60), turn("v", ok=False, kind="unclear", exit_status=None), turn("v-again")),
    illegal("damaged", checker, "RES-1", "the config file is damaged", [0, 3], STRUCK, add("v", "v", **TYPED),
        file(parses=False), AFTER),
    illegal("gone", checker, "RES-1", "the config file is gone", [0, 3], STRUCK, add("v", "v", **TYPED), gone(), AFTER),
    illegal("credentials-damaged", checker, "RES-1", "the credentials file is damaged", [0, 3], STRUCK,
        turn("v", **TYPED), file("credentials", parses=False), turn("v-again")),
    illegal("other-profile-gone", checker, "RES-1", "a profile that had nothing to do with it", [0, 3], STRUCK,
        turn("v", **TYPED), gone("profile other"), turn("v-again")),
    illegal("bystander-lost", checker, "RES-1", "an agent that had been there is not listed", [0, 5], STRUCK,
        add("v", "v"), file(), listing("v", actor="v-list"), CONFLICT),
    illegal("does-not-work-again", checker, "RES-1", "agents add does not work again", [0, 7], STRUCK,
        add("v", "v", **TYPED), file(), listing("bystander", actor="v-list"),
        add("v", "v-again", ok=False, kind="busy", code="config-busy")),
    illegal("not-cancelled-and-refused", checker, "RES-1", "runs cancel does not work again", [0, 3], STRUCK,
        end("v", "runs cancel", **TYPED), end("v-list", "runs list", runs=(RUNNING,)),
        end("v-again", "runs cancel", ok=False, kind="local", code="already-finished")),
    illegal("sign-in-for-nothing", checker, "RES-1", "agent does not work again", [0, 4], STRUCK, turn("v", **TYPED),
        turn("v-again", ok=False, kind="auth", code="reauthentication-needed")),
    illegal("the-second-of-two", checker, "RES-1", "does not work again after EIO", [7, 11], STRUCK,
        add("v", "v", **TYPED), listing("bystander", actor="v-list"), add("v", "v-again"), struck("w", "EIO"),
        turn("w", **TYPED), turn("w-again", ok=False)),
    illegal("denied", denial_is_weathered, "RES-2", "without a typed error", [0, 2], struck("v", "EACCES"),
        add("v", "v", **{**TYPED, "code": ""}), AFTER),
    illegal("exhausted", exhaustion_is_weathered, "RES-3", "without a typed error", [0, 2], struck("v", "EMFILE"),
        add("v", "v", **{**TYPED, "code": ""}), AFTER),
    legal("turn-told-of", checker, STRUCK, turn("v", text="[[re-v]] done"), asked(1, "v-again", markers=TOLD),
        turn("v-again")),
    legal("failed-turn-told-of-in-part", checker, STRUCK, turn("v", **TYPED),
        asked(1, "v-again", markers=("v", "v-again")), turn("v-again")),
    illegal("answer-forgotten", checker, "RES-1", "is told its answer not at all", [0, 2, 3], STRUCK,
        turn("v", text="[[re-v]] done"), asked(1, "v-again", markers=("v", "v-again")), turn("v-again")),
    illegal("message-forgotten", checker, "RES-1", "is told its message not at all", [0, 2, 3], STRUCK,
        turn("v", text="[[re-v]] done"), asked(1, "v-again", markers=("re-v", "v-again")), turn("v-again")),
    illegal("answer-twice", checker, "RES-1", "is told its answer 2 times", [0, 2, 3], STRUCK,
        turn("v", text="[[re-v]] done"), asked(1, "v-again", markers=(*TOLD, "re-v")), turn("v-again")),
    illegal("message-of-a-failed-turn-twice", checker, "RES-1", "is told its message 2 times", [0, 2, 3], STRUCK,
        turn("v", **TYPED), asked(1, "v-again", markers=("v", "v", "v-again")), turn("v-again")),
    undecided("nothing-struck", checker, "no command was struck", add("v", "v")),
    undecided("no-end", checker, "v never came to an end", STRUCK),
    undecided("not-tried-again", checker, "v-again never came to an end", STRUCK, add("v", "v", **TYPED)),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), CASES)
def test_resources(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
