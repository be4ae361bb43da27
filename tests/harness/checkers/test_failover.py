"""FLO: the smallest legal and illegal histories of a turn that goes through several models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.checkers.failover import (
    SLOWLY,
    falls_over_in_order,
    fatal_stops,
    root_cause_first,
    silent_answer_is_an_answer,
    slow_answer_is_waited_for,
)
from harness.checkers.local_errors import (
    lack_stays_local,
    local_error_stays_local,
    unreadable_credential_stays_local,
)
from harness.checkers.rests import bounded, only_the_failed_rests
from harness.events import RequestReceived, TokenRequested
from harness.outcome import AttemptSeen
from tests.harness.histories import asked, check, end, illegal, legal, replied, start, turn, undecided

SPENT = TokenRequested(exchange=9, grant_type="refresh_token", token="abcd")
LOCKED: dict[str, Any] = {"ok": False, "kind": "busy", "message": "locked"}
DENIED: dict[str, Any] = {"ok": False, "kind": "local", "message": "denied"}
UNREAD = unreadable_credential_stays_local
PORTLESS = lack_stays_local
RELIEVED = (asked(8, "after-relief"), *turn("after-relief"))
REPAIRED = (asked(8, "after-repair", "codex"), *turn("after-repair"))
AFTER = (asked(8, "after-lock"), *turn("after-lock"))

SILENT = (asked(1, "silent"), replied(1), asked(2, "silent", step=1), replied(2))

FLO_1 = [
    legal("stays-local", local_error_stays_local, turn("second", **LOCKED), AFTER),
    legal("others-refresh", local_error_stays_local, SPENT, turn("second", **LOCKED), SPENT, AFTER),
    legal("holder-asks", local_error_stays_local, asked(1, "holder"), turn("second", **LOCKED), AFTER),
    illegal(
        "asked-on", local_error_stays_local, "FLO-1", "“locked” (exit 1)|requests to anthropic/m, gemini/m", [3, 1, 2],
        start("second"), asked(1, "second"), asked(2, "second", "gemini"), turn("second", **LOCKED)[1], AFTER,
    ),
    illegal(
        "spent-a-token", local_error_stays_local, "FLO-1", "went on to the token endpoint", [2, 1],
        start("second"), SPENT, turn("second", **LOCKED)[1], AFTER,
    ),
    illegal(
        "cooled-down", local_error_stays_local, "FLO-1", "after-lock began with gemini", [4, 2],
        turn("second", **LOCKED), asked(8, "after-lock", "gemini"), turn("after-lock"),
    ),
    undecided("no-local-error", local_error_stays_local, "it met no local error", turn("second"), AFTER),
    undecided("no-second", local_error_stays_local, "second never came to an end", AFTER),
    undecided("no-later-turn", local_error_stays_local, "no turn after…", turn("second", **LOCKED)),
    undecided(
        "later-turn-asked-nobody", local_error_stays_local, "after-lock asked no provider",
        turn("second", **LOCKED), turn("after-lock", **LOCKED),
    ),
    legal("ends-there", UNREAD, turn("second", **DENIED), REPAIRED),
    legal("asks-with-what-it-had", UNREAD, asked(1, "second", "codex"), turn("second", **DENIED), REPAIRED),
    illegal(
        "goes-on-and-succeeds", UNREAD, "FLO-1", "could not be read on this machine|went on to anthropic/m", [1, 2],
        start("second"), asked(1, "second"), turn("second")[1], REPAIRED,
    ),
    illegal(
        "cooled-down-unread", UNREAD, "FLO-1", "after-repair began with anthropic", [1],
        turn("second", **DENIED), asked(8, "after-repair"), turn("after-repair"),
    ),
    legal("ends-without-a-port", PORTLESS, turn("second", **DENIED), RELIEVED),
    legal("tries-the-same-again", PORTLESS, asked(1, "second"), turn("second"), RELIEVED),
    illegal(
        "goes-on-without-a-port", PORTLESS, "FLO-1", "could not begin a connection|went on to gemini/m", [1, 2],
        start("second"), asked(1, "second", "gemini"), turn("second")[1], RELIEVED,
    ),
    illegal(
        "cooled-down-without-a-port", PORTLESS, "FLO-1", "after-relief began with gemini", [4, 2],
        turn("second", **DENIED), asked(8, "after-relief", "gemini"), turn("after-relief"),
    ),
    undecided("has-another-copy", UNREAD, "it met no local error", turn("second"), REPAIRED),
    undecided(
        "not-repaired", UNREAD, "after-repair asked no", turn("second", **DENIED), turn("after-repair", **DENIED)
    ),
]  # fmt: skip


def attempts(*seen: tuple[str, int | None]) -> tuple[AttemptSeen, ...]:
    return tuple(AttemptSeen(provider=provider, model="m", kind="k", status=status) for provider, status in seen)


def failed_at(*seen: tuple[str, int]) -> list[Any]:
    return [e for n, (p, status) in enumerate(seen) for e in (asked(n, "a", p), replied(n, p, status))]


TWO = failed_at(("anthropic", 529), ("gemini", 500))
STOPPED: dict[str, Any] = {"ok": False, "kind": "stopped", "exit_status": 143, "attempts": None}
TOLD: dict[str, Any] = {"ok": False, "kind": "retryable", "attempts": attempts(("anthropic", 529), ("gemini", 500))}

FLO_2 = [
    legal("first-cause-and-all-attempts", root_cause_first, TWO, turn("a", **TOLD)),
    legal(
        "a-skipped-model-has-no-status", root_cause_first, TWO,
        turn("a", **TOLD | {"attempts": attempts(("anthropic", 529), ("gemini", 500), ("codex", None))}),
    ),
    legal(
        "retries-are-not-its-business", root_cause_first, TWO[:2], TWO,
        turn("a", **TOLD | {"attempts": attempts(("anthropic", 529), ("anthropic", 529), ("gemini", 500))}),
    ),
    legal(
        "a-reset-has-no-status", root_cause_first, asked(1, "a"), replied(1, status=0, outcome="reset"),
        asked(2, "a", "gemini"), replied(2, "gemini", 500),
        turn("a", **TOLD | {"attempts": attempts(("anthropic", None), ("gemini", 500))}),
    ),
    legal(
        "auth-first", root_cause_first, failed_at(("codex", 401), ("gemini", 500)),
        turn("a", ok=False, kind="auth", attempts=attempts(("codex", 401), ("gemini", 500))),
    ),
    illegal(
        "last-cause", root_cause_first, "FLO-2", "a failed first at anthropic with 529 (retryable), but reported auth",
        [5], TWO, turn("a", **TOLD | {"kind": "auth"}),
    ),
    illegal(
        "not-listed", root_cause_first, "FLO-2", "does not list its attempts (anthropic 529, gemini 500)", [5],
        TWO, turn("a", **TOLD | {"attempts": None}),
    ),
    illegal(
        "one-left-out", root_cause_first, "FLO-2", "[('gemini', 500)], but the providers saw [('anthropic', 529)", [5],
        TWO, turn("a", **TOLD | {"attempts": attempts(("gemini", 500))}),
    ),
    illegal(
        "wrong-order", root_cause_first, "FLO-2", "lists the attempts", [5],
        TWO, turn("a", **TOLD | {"attempts": attempts(("gemini", 500), ("anthropic", 529))}),
    ),
    illegal(
        "success-of-nothing", root_cause_first, "FLO-2", "reported success, although every model had failed", [5],
        TWO, turn("a"),
    ),
    illegal(
        "first-question-left-out", root_cause_first, "FLO-2", "lists the attempts [('anthropic', 500)", [9],
        TWO[:2], asked(2, "a", "gemini"), replied(2, "gemini"), asked(3, "a", step=1), replied(3, status=500),
        asked(4, "a", "gemini", step=1), replied(4, "gemini", 502),
        turn("a", **TOLD | {"attempts": attempts(("anthropic", 500), ("gemini", 502))}),
    ),
    illegal(
        "wrong-kind", root_cause_first, "FLO-2", "a lists 403 of codex as retryable; it is auth", [5],
        failed_at(("anthropic", 529), ("codex", 403)), turn("a", **TOLD | {"attempts": tuple(
            replace(each, kind="retryable") for each in attempts(("anthropic", 529), ("codex", 403)))}),
    ),
    illegal(
        "wrong-model", root_cause_first, "FLO-2", "a lists 500 of gemini as the answer of n, which was not asked", [5],
        TWO, turn("a", **TOLD | {"attempts": (TOLD["attempts"][0], replace(TOLD["attempts"][1], model="gemini/n"))}),
    ),
    illegal(
        "a-tool-call-is-no-answer", root_cause_first, "FLO-2", "reported success, although every model had failed", [9],
        TWO[:2], asked(2, "a", "gemini"), replied(2, "gemini"), asked(3, "a", step=1), replied(3, status=500),
        asked(4, "a", "gemini", step=1), replied(4, "gemini", 502), turn("a"),
    ),
    legal(
        "stopped-and-listed", root_cause_first, TWO, turn("a", **TOLD), asked(7, "stopped"), replied(7, status=529),
        asked(8, "stopped", "gemini"), turn("stopped", **STOPPED | {"attempts": attempts(("anthropic", 529))}),
    ),
    legal(
        "stopped-without-a-word", root_cause_first, TWO, turn("a", **TOLD), asked(7, "stopped"),
        replied(7, status=529), asked(8, "stopped", "gemini"), turn("stopped", **STOPPED),
    ),
    illegal(
        "lost-when-stopped", root_cause_first, "FLO-2", "does not list that the first had failed (anthropic 529)", [11],
        TWO, turn("a", **TOLD), asked(7, "stopped"), replied(7, status=529), asked(8, "stopped", "gemini"),
        replied(8, "gemini", 0, outcome="abandoned"), turn("stopped", **STOPPED | {"attempts": ()}),
    ),
    undecided("one-model", root_cause_first, "no turn failed at more than one", TWO[:2], turn("a", **TOLD)),
    undecided(
        "made-good", root_cause_first, "no turn failed at more", TWO, asked(3, "a", "codex"), replied(3, "codex"),
        turn("a")
    ),
    undecided("an-answer-was-never-sent", root_cause_first, "as far as answers", asked(9, "a"), TWO, turn("a", **TOLD)),
    undecided("never-ended", root_cause_first, "no turn failed", TWO, start("a")),
]  # fmt: skip

DONE: dict[str, Any] = {"text": "done\n"}
FLO_3 = [
    legal("second-answered", falls_over_in_order, asked(1, "a"), asked(2, "a", "gemini"), turn("a", **DONE)),
    legal("first-unreachable", falls_over_in_order, asked(2, "a", "gemini"), turn("a", **DONE)),
    illegal(
        "gave-up", falls_over_in_order, "FLO-3", "a: a failure that another model could have made good|“E”", [2],
        asked(1, "a"), turn("a", ok=False),
    ),
    illegal(
        "skipped-one", falls_over_in_order, "FLO-3", "went through anthropic, codex", [3],
        asked(1, "a"), asked(2, "a", "codex"), turn("a", **DONE),
    ),
    legal(
        "third-answered", falls_over_in_order, TWO, asked(3, "a", "codex"), replied(3, "codex"), turn("a", **DONE),
    ),
    illegal(
        "one-too-far", falls_over_in_order, "FLO-3", "went through anthropic, gemini, codex", [5],
        asked(1, "a"), asked(2, "a", "gemini"), replied(2, "gemini"), asked(3, "a", "codex"), turn("a", **DONE),
    ),
    legal("another-first", falls_over_in_order, asked(1, "a-codex", "codex"), asked(2, "a-codex"),
        turn("a-codex", **DONE)),
    illegal("another-first-and-too-far", falls_over_in_order, "FLO-3", "went through codex, gemini", [3],
        asked(1, "a-codex", "codex"), asked(2, "a-codex", "gemini"), turn("a-codex", **DONE)),
    illegal(
        "partial-text", falls_over_in_order, "FLO-3", "gave “do” instead of the next model's answer", [3],
        asked(1, "a"), asked(2, "a", "gemini"), turn("a", text="do"),
    ),
    legal("asked-with-tools", falls_over_in_order,
        asked(1, "a", tools=2), asked(2, "a", "gemini", tools=1), turn("a", **DONE)),
    legal("asked-for-a-title-besides", falls_over_in_order,
        asked(1, "a", tools=2), asked(2, "a", "gemini", tools=2), asked(3, "a", "gemini"), turn("a", **DONE)),
    legal("has-no-tools", falls_over_in_order, asked(1, "a"), asked(2, "a", "gemini", tools=2), turn("a", **DONE)),
    illegal("asked-without-tools", falls_over_in_order, "FLO-3", "a asked gemini without any of the 2 tools", [0, 1],
        asked(1, "a", tools=2), asked(2, "a", "gemini"), turn("a", **DONE)),
    legal("slow", slow_answer_is_waited_for, start("slow"), asked(1, "slow"), end("slow", text=SLOWLY)),
    illegal("slow-is-a-stall", slow_answer_is_waited_for, "FLO-3", "taken for a stall, and gemini was asked", [1, 2],
        start("slow"), asked(1, "slow"), asked(2, "slow", "gemini"), end("slow", text="done")),
    illegal("slow-ends-the-turn", slow_answer_is_waited_for, "FLO-3", "did not become the turn's: “E” (exit 1)", [1, 2],
        start("slow"), asked(1, "slow"), end("slow", ok=False, message="E")),
    illegal("slow-is-cut", slow_answer_is_waited_for, "FLO-3", "did not become the turn's", [1, 2],
        start("slow"), asked(1, "slow"), end("slow", text="one two")),
    undecided("slow-asks-nobody", slow_answer_is_waited_for, "asked no provider", start("slow"), end("slow", ok=False)),
    legal("silent-ends-the-turn", silent_answer_is_an_answer, SILENT, turn("silent")),
    illegal("silent-fails", silent_answer_is_an_answer, "FLO-3", "taken for a failure: “no words”", [2, 5],
        SILENT, turn("silent", ok=False, message="no words")),
    illegal("silent-is-asked-elsewhere", silent_answer_is_an_answer, "FLO-3", "and gemini was asked instead", [2, 4],
        SILENT, asked(3, "silent", "gemini", step=1), turn("silent")),
    undecided("silent-never-told", silent_answer_is_an_answer, "no model was told of the tool's result",
        asked(1, "silent"), replied(1), turn("silent")),
    undecided("no-turn", falls_over_in_order, "no turn was started", asked(1, "a")),
    undecided("never-ended", falls_over_in_order, "b never came", asked(1, "a"), turn("a", **DONE), start("b")),
    undecided("asked-nobody", falls_over_in_order, "a succeeded without asking", turn("a", **DONE)),
]  # fmt: skip

REFUSED = (asked(1, "a"), replied(1, status=400))
DECLINED = (replace(asked(1, "a"), rule="content-refused-gemini"), replied(1))

FLO_4 = [
    legal("stops", fatal_stops, REFUSED, turn("a", ok=False)),
    legal(
        "overload-may-move-on", fatal_stops,
        failed_at(("anthropic", 529), ("gemini", 400)), turn("a", ok=False),
    ),
    legal("shortened-and-asked-again", fatal_stops, REFUSED, asked(2, "a"), replied(2), turn("a")),
    legal("another-actor-asks", fatal_stops, REFUSED, asked(2, "b", "gemini"), turn("a", ok=False)),
    illegal(
        "sent-to-others", fatal_stops, "FLO-4", "what anthropic had refused was sent to codex, gemini too", [5, 0, 2,
        3],
        REFUSED, asked(2, "a", "gemini"), asked(3, "a", "codex"), turn("a", ok=False),
    ),
    illegal(
        "refused-in-the-second-step", fatal_stops, "FLO-4", "what anthropic had refused was sent to gemini", [6, 2, 4],
        asked(1, "a"), replied(1), asked(2, "a", step=1), replied(2, status=413), asked(3, "a", "gemini"),
        turn("a", ok=False),
    ),
    illegal("success", fatal_stops, "FLO-4", "a refused request was reported as success", [3], REFUSED, turn("a")),
    legal("declined", fatal_stops, DECLINED, turn("a", ok=False)),
    legal("declined-and-told-so", fatal_stops, DECLINED, turn("a", text="I cannot help")),
    illegal("declined-and-silent", fatal_stops, "FLO-4", "was reported as success", [3], DECLINED, turn("a")),
    illegal(
        "declined-and-sent-to-others", fatal_stops, "FLO-4", "what anthropic had refused was sent to gemini too",
        [4, 0, 2], DECLINED, asked(2, "a", "gemini"), turn("a"),
    ),
    undecided("none-refused", fatal_stops, "no request", asked(1, "a"), replied(1, status=529), turn("a", ok=False)),
    undecided("never-answered", fatal_stops, "no request", asked(1, "a"), asked(2, "a", "gemini"), turn("a")),
    undecided("never-ended", fatal_stops, "no request of a turn that ended", REFUSED, start("a")),
]  # fmt: skip


def used_up(exchange: int, model: str) -> RequestReceived:
    return replace(asked(exchange, "a", "codex", model=model), rule="used-up-codex")


FLO_5 = [
    legal("once-each", bounded, TWO, turn("a", ok=False), turn("after-x", ok=False)),
    legal("two-models-of-one-provider", bounded, asked(1, "a"), asked(2, "a", model="n"), turn("a", ok=False)),
    legal("a-tool's-result", bounded, asked(1, "a"), asked(2, "a", step=1), turn("a")),
    legal("two-turns", bounded, asked(1, "a"), turn("a"), asked(2, "b"), turn("b")),
    legal("after-other-failures", bounded, failed_at(("anthropic", 500)), turn("a"), asked(9, "after-x"),
        turn("after-x")),
    legal("never-asked-before", bounded, TWO, turn("a"), asked(9, "after-x", "codex"), turn("after-x")),
    illegal(
        "storm", bounded, "FLO-5", "a asked anthropic/m 3 times in one turn", [0, 1, 2],
        asked(1, "a"), asked(2, "a"), asked(3, "a"), turn("a", ok=False),
    ),
    illegal(
        "no-rest", bounded, "FLO-5", "after-x asked anthropic, which had asked for a rest", [8, 6],
        TWO, turn("a"), asked(9, "after-x"), turn("after-x"),
    ),
    illegal(
        "no-rest-after-words", bounded, "FLO-5", "after-x asked codex, which had asked for a rest", [4, 3],
        asked(1, "a", "codex"), replace(replied(1, "codex"), reply="stream-error"), turn("a")[1],
        asked(9, "after-x", "codex"), turn("after-x")[1], start("a"), start("after-x"),
    ),
    illegal(
        "no-short-rest", bounded, "FLO-5", "after-x asked gemini, which had asked for a rest", [4, 3],
        asked(1, "a", "gemini"), replied(1, "gemini", 503), turn("a")[1], asked(9, "after-x", "gemini"),
        turn("after-x")[1], start("a"), start("after-x"),
    ),
    legal(
        "a-short-rest-is-over", bounded, asked(1, "a", "gemini"), replied(1, "gemini", 503), turn("a"),
        [start(f"b{n}") for n in range(60)], asked(9, "after-x", "gemini"), turn("after-x"),
    ),
    illegal(
        "one-account's-limit", bounded, "FLO-5", "a asked n after m, although the whole account", [0, 1],
        used_up(1, "m"), used_up(2, "n"), turn("a", ok=False),
    ),
    undecided("nobody-asked", bounded, "no turn that ended had asked", turn("a")),
    undecided("never-ended", bounded, "no turn that ended", TWO, start("a")),
]  # fmt: skip


SCOPE = only_the_failed_rests
FAILED_OVER = (asked(1, "overloaded"), asked(2, "overloaded", "gemini"), *turn("overloaded"))
RESTS = (asked(1, "resting"), asked(2, "resting", "gemini"), *turn("resting"))


def began(actor: str, *providers: str) -> list[Any]:
    return [start(actor), *(asked(9, actor, provider) for provider in providers), turn(actor)[1]]


SET_BACK = (asked(1, "set-back"), asked(2, "set-back", "gemini"), *turn("set-back"))
FLO_6 = [
    legal("begins-anew", SCOPE, FAILED_OVER, began("overloaded-next", "anthropic"),
        began("overloaded-other", "anthropic")),
    legal("the-second-while-the-first-rests", SCOPE, RESTS, began("resting-next", "gemini")),
    legal("not-left-alone-is-another-rule", SCOPE, RESTS, began("resting-next", "anthropic", "gemini")),
    illegal("sticks", SCOPE, "FLO-6", "overloaded-next began with gemini, although anthropic", [0, 5, 6],
        FAILED_OVER, began("overloaded-next", "gemini")),
    illegal("sticks-for-others", SCOPE, "FLO-6", "overloaded-other began with gemini", [0, 5, 6],
        FAILED_OVER, began("overloaded-other", "gemini")),
    illegal("one-too-many-rests", SCOPE, "FLO-6", "resting-next began with codex, although gemini", [0, 5, 6],
        RESTS, began("resting-next", "codex")),
    legal("rests-by-the-clock", SCOPE, SET_BACK, began("set-back-rested", "anthropic")),
    illegal("outlasts-the-clock", SCOPE, "FLO-6", "set-back-rested began with gemini, although anthropic", [0, 5, 6],
        SET_BACK, began("set-back-rested", "gemini")),
    illegal("rests-for-too-long", SCOPE, "FLO-6", "resting-rested began with gemini, although anthropic", [0, 5, 6],
        RESTS, began("resting-rested", "gemini")),
    illegal("all-rest", SCOPE, "FLO-6", "resting-next asked no model", [0, 5], RESTS, turn("resting-next", ok=False)),
    undecided("nothing-after", SCOPE, "no turn came after", FAILED_OVER),
    undecided("nothing-before", SCOPE, "no turn came after", began("overloaded-next", "gemini")),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*FLO_1, *FLO_2, *FLO_3, *FLO_4, *FLO_5, *FLO_6])
def test_failover(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
