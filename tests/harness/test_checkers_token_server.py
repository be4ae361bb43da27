"""AUT: the smallest legal and illegal histories of an authorization server that misbehaves."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.token_server import passing_errors_are_ridden_out
from harness.events import FileSeen, TokenRequested, What
from tests.harness.histories import answered, check, end, file, illegal, legal, start, undecided


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


@pytest.mark.parametrize(("checker", "events", "expected"), [*AUT_10])
def test_token_server(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)
