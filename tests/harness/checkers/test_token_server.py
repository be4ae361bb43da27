"""AUT: the smallest legal and illegal histories of an authorization server that misbehaves."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.token_server import (
    RENEWED,
    auth_noise_is_contained,
    lost_answer_costs_one_sign_in,
    lost_answer_is_fetched_again,
    passing_errors_are_ridden_out,
    refused_once_refreshed_once,
)
from harness.events import FileSeen, TokenAnswered, TokenRequested, What
from tests.harness.histories import answered, asked, check, end, file, illegal, legal, replied, start, turn, undecided


def sent(token: str = "t0") -> TokenRequested:
    return TokenRequested(exchange=1, grant_type="refresh_token", token=token)


def profile(when: str, digest: str = "d", exists: bool = True) -> FileSeen:
    return file("profile main", path="main", parses=None, exists=exists, digest=digest, facts={"when": when})


def refreshed(actor: str, *decisions: str, token: str = "t0", **ending: Any) -> list[What]:
    """A turn that sends one token again and again, and is answered so."""
    exchanges: list[What] = [what for decision in decisions for what in (sent(token), answered(decision))]
    return [start(actor), *exchanges, end(actor, **ending)]


AWAY: dict[str, Any] = {"ok": False, "kind": "auth", "code": "refresh-unavailable"}
FAILED = "error-before-commit"
BEFORE, AFTER, BACK = profile("outage before"), profile("outage after"), refreshed("after-outage", "minted")
OUTAGE = [BEFORE, *refreshed("outage", FAILED, FAILED, **AWAY), AFTER, *BACK]
PATIENT = passing_errors_are_ridden_out
AUT_10 = [
    legal("asked-again", PATIENT, refreshed("status-503", FAILED, "minted"), OUTAGE),
    legal("asked-ten-times", PATIENT, BEFORE, refreshed("outage", *[FAILED] * 10, **AWAY), AFTER, BACK),
    legal("used-what-it-had", PATIENT, refreshed("status-503", FAILED), OUTAGE),
    illegal(
        "gave-up", PATIENT, "AUT-10", "status-503 gave up|“log in” (exit 1)", [2, 3],
        refreshed("status-503", FAILED, ok=False, message="log in"), OUTAGE,
    ),
    illegal(
        "storm", PATIENT, "AUT-10", "asked the token endpoint 11 times", [*range(3, 25, 2), 24],
        BEFORE, refreshed("outage", *[FAILED] * 11, **AWAY), AFTER, BACK,
    ),
    illegal(
        "another-token", PATIENT, "AUT-10", "2 different tokens", [2, 4, 5],
        start("status-503"), sent("t0"), answered(FAILED), sent("t9"), answered("minted"), end("status-503"), OUTAGE,
    ),
    *[
        illegal(name, PATIENT, "AUT-10", "does not say so by a code", [3, 4],
            BEFORE, refreshed("outage", FAILED, **{**AWAY, **how}), AFTER, BACK)
        for name, how in (("no-code", {"code": ""}), ("exit-0", {"exit_status": 0}), ("trace", {"traceback": True}))
    ],
    illegal("not-back", PATIENT, "AUT-10", "fails all the same", [11],
        BEFORE, refreshed("outage", FAILED, **AWAY), AFTER, refreshed("after-outage", "minted", "minted", ok=False)),
    illegal("deleted", PATIENT, "AUT-10", "was deleted", [0, 5],
        BEFORE, refreshed("outage", FAILED, **AWAY), profile("outage after", "", exists=False), BACK),
    illegal("changed", PATIENT, "AUT-10", "was changed", [0, 5],
        BEFORE, refreshed("outage", FAILED, **AWAY), profile("outage after", "e"), BACK),
    undecided("it-never-failed", PATIENT, "failed nobody", refreshed("status-503", "minted"), BACK),
    undecided("nobody-asked", PATIENT, "failed nobody", start("status-503"), end("status-503")),
    undecided("not-looked", PATIENT, "was not seen before and after", refreshed("status-503", FAILED, "minted"), BACK),
    undecided("never-ended", PATIENT, "after-outage never came", BEFORE, refreshed("outage", FAILED, **AWAY), AFTER),
]  # fmt: skip


def talk(*steps: int | str, actor: str = "early", **ending: Any) -> list[What]:
    """A turn: a number is a request that is answered with that status, a word a token request decided so."""
    events: list[What] = [start(actor)]
    for exchange, step in enumerate(steps, 1):
        if isinstance(step, str):
            events += [sent(), answered(step)]
        else:
            events += [asked(exchange, actor, "codex"), replied(exchange, "codex", step)]
    return [*events, end(actor, **ending)]


ONCE = refused_once_refreshed_once
REFUSED: dict[str, Any] = {"ok": False, "kind": "auth", "code": "unauthorized", "message": "refused"}
AUT_6 = [
    legal("renewed-once", ONCE, talk(401, "minted", 200)),
    legal("refused-for-good", ONCE, talk(401, "minted", 401, **REFUSED)),
    legal("expired-and-renewed", ONCE, talk("minted", 200, 200)),
    legal("could-not-be-renewed", ONCE, talk(401, "revoked", **REFUSED)),
    illegal("not-renewed", ONCE, "AUT-6", "401 and did not refresh|“refused”", [1, 3], talk(401, **REFUSED)),
    illegal("loop-of-refreshes", ONCE, "AUT-6", "refreshed 2 times", [1, 5, 9, 4, 8, 11],
        talk(401, "minted", 401, "minted", 200)),
    illegal("refreshed-for-each-request", ONCE, "AUT-6", "2 requests, 0 of them refused", [3, 7, 2, 6, 9],
        talk("minted", 200, "minted", 200)),
    illegal("sent-again-and-again", ONCE, "AUT-6", "refused 3 times", [1, 5, 7, 4, 9],
        talk(401, "minted", 401, 401, **REFUSED)),
    illegal("failed-with-a-good-token", ONCE, "AUT-6", "had a token that worked", [1, 5, 4, 7],
        talk(401, "minted", 200, **REFUSED)),
    illegal("refused-is-no-success", ONCE, "AUT-6", "reported success", [1, 5, 4, 7], talk(401, "minted", 401)),
    illegal("untyped", ONCE, "AUT-6", "does not say that its credential", [1, 5, 4, 7],
        talk(401, "minted", 401, **{**REFUSED, "kind": "unclear"})),
    legal("used-what-was-renewed", ONCE, talk(401, 200, actor=RENEWED)),
    illegal("renewed-what-was-renewed", ONCE, "AUT-6", "another program had renewed", [1, 5, 4, 7],
        talk(401, "minted", 200, actor=RENEWED)),
    illegal("gave-up-what-was-renewed", ONCE, "AUT-6", "did not use the newer token|“refused”", [1, 3],
        talk(401, actor=RENEWED, **REFUSED)),
    undecided("nobody-was-refused", ONCE, "no provider refused", talk(200)),
    undecided("no-turn", ONCE, "no provider refused", start("early")),
]  # fmt: skip


def exchange(number: int, decision: str, token: str = "t0", family: str = "cut") -> list[What]:
    return [
        TokenRequested(exchange=number, grant_type="refresh_token", token=token),
        TokenAnswered(exchange=number, status=0, decision=decision, family=family, generation=1),
    ]


LOST = "dropped-after-commit"
AGAIN, ASKS = lost_answer_is_fetched_again, lost_answer_costs_one_sign_in
SIGN_IN: dict[str, Any] = {"ok": False, "kind": "auth", "code": "reauthentication-needed", "message": "sign in"}
GONE = [*turn("cut", **SIGN_IN), *turn("cut-again", **SIGN_IN), *turn("cut-signed-in")]
AUT_5 = [
    legal("sent-once-more", AGAIN, exchange(1, LOST), exchange(2, "replayed"), turn("cut"), turn("cut-again")),
    legal("later", AGAIN, exchange(1, LOST), turn("cut", ok=False), exchange(2, "replayed"), turn("cut-again")),
    legal("the-successor-is-another-token", AGAIN, exchange(1, LOST), exchange(2, "replayed"),
        exchange(3, "minted", "t1"), turn("cut-again")),
    legal("lost-twice-and-asks", AGAIN, exchange(1, LOST), exchange(2, LOST), GONE),
    illegal("lost-twice-and-sent-again", AGAIN, "AUT-5", "sent 3 times in all", [0, 2, 4],
        exchange(1, LOST), exchange(2, LOST), exchange(3, "replayed"), GONE),
    illegal("lost-twice-and-asks-unclearly", AGAIN, "AUT-5", "cut-again cannot refresh any more", [1, 7],
        exchange(1, LOST), exchange(2, LOST), turn("cut", **SIGN_IN), turn("cut-again", ok=False),
        turn("cut-signed-in")),
    illegal("given-up", AGAIN, "AUT-5", "would have repeated|“sign in” (exit 1)", [1, 3],
        exchange(1, LOST), turn("cut-again", **SIGN_IN)),
    illegal("sent-and-sent", AGAIN, "AUT-5", "sent 3 times in all", [0, 2, 4],
        exchange(1, LOST), exchange(2, "replayed"), exchange(3, "replayed"), turn("cut-again")),
    undecided("nothing-lost", AGAIN, "no answer of the token endpoint was lost", exchange(1, "minted"), turn("cut")),
    undecided("never-ended", AGAIN, "cut-again never came to an end", exchange(1, LOST)),
    legal("asks", ASKS, exchange(1, LOST), exchange(2, "reused"), GONE),
    legal("asks-without-a-second-try", ASKS, exchange(1, LOST), GONE),
    illegal("tries-again-and-again", ASKS, "AUT-5", "sent 3 times in all", [0, 2, 4],
        exchange(1, LOST), exchange(2, "reused"), exchange(3, "revoked"), GONE),
    illegal("asks-unclearly", ASKS, "AUT-5", "cut-again cannot refresh any more", [1, 5],
        exchange(1, LOST), turn("cut", **SIGN_IN), turn("cut-again", ok=False), turn("cut-signed-in")),
    illegal("sign-in-does-not-help", ASKS, "AUT-5", "cut-signed-in fails after a new sign-in", [1, 7],
        exchange(1, LOST), turn("cut", **SIGN_IN), turn("cut-again", **SIGN_IN), turn("cut-signed-in", **SIGN_IN)),
    undecided("nothing-lost", ASKS, "no answer of the token endpoint was lost", GONE),
    undecided("never-signed-in", ASKS, "cut-signed-in never came", exchange(1, LOST), GONE[:-2]),
]  # fmt: skip


NOISE = auth_noise_is_contained
HELD = turn("second", ok=False, kind="busy", message="in use")
DEAD = {"ok": False, "kind": "auth", "message": "sign in"}
AUT_8 = [
    legal("first-causes", NOISE, HELD, turn("overloaded", ok=False, kind="retryable")),
    illegal("instead-of-the-lock", NOISE, "AUT-8", "second failed because its session was held|“sign in”", [1],
        turn("second", **DEAD), turn("overloaded", ok=False, kind="retryable")),
    illegal("instead-of-the-provider", NOISE, "AUT-8", "overloaded failed because its first provider", [3],
        HELD, turn("overloaded", **DEAD)),
    illegal("whatever-the-other-says", NOISE, "AUT-8", "second failed", [1],
        turn("second", **DEAD), turn("overloaded", ok=False, kind="unclear")),
    undecided("untyped", NOISE, "does not say of what kind", HELD, turn("overloaded", ok=False, kind="unclear")),
    undecided("nothing-was-wrong", NOISE, "not both of the turns", HELD, turn("overloaded")),
    undecided("never-ended", NOISE, "overloaded never came", HELD),
]  # fmt: skip


@pytest.mark.parametrize(("checker", "events", "expected"), [*AUT_5, *AUT_6, *AUT_8, *AUT_10])
def test_token_server(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
