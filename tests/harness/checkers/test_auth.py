"""AUT: the smallest legal and illegal histories of a shared credential."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.auth import (
    closed_config_stays_closed,
    crash_asks_once,
    everybody_succeeds,
    keys_stay_in,
    loser_rereads,
    one_credential_one_lock,
    other_profile_is_usable,
    other_profile_untouched,
    profiles_keep_their_newest,
    renewal_loses_nothing,
    secrets_stay_in,
    signal_loses_no_token,
    single_flight,
    store_never_goes_back,
)
from harness.events import FileSeen, SecretSeen
from tests.harness.histories import (
    add,
    answered,
    asked,
    check,
    file,
    fired,
    gone,
    illegal,
    legal,
    signalled,
    start,
    struck,
    turn,
    undecided,
)


def profile(which: str, when: str, digest: str = "d", exists: bool = True) -> FileSeen:
    return file(f"profile {which}", path=which, parses=None, exists=exists, digest=digest, facts={"when": when})


def store(**facts: Any) -> FileSeen:
    return file("credentials", path="LAB/home/credentials.json", **facts)


LEAK = SecretSeen(where="stdout of lane0", fingerprint="abcd1234")

AUT_1 = [
    legal("one-redemption", single_flight, answered("minted")),
    legal("one-each-of-two-families", single_flight, answered("minted"), answered("minted", family="other")),
    legal("retry-of-a-refused-one", single_flight, answered("error-before-commit", status=503), answered("minted")),
    legal("malformed-request-spends-nothing", single_flight, answered("invalid-request", family=""),
        answered("minted")),
    illegal("reused", single_flight, "AUT-1", "redeemed 2 times|reused to 1", [0, 1], answered("minted"),
        answered("reused")),
    illegal(
        "replayed", single_flight, "AUT-1", "redeemed 3 times|replayed, replayed to 2", [0, 1, 2],
        answered("minted"), answered("replayed"), answered("replayed"),
    ),
    illegal(
        "family-revoked-by-reuse", single_flight, "AUT-1", "redeemed 3 times|reused, revoked to 2", [0, 1, 2],
        answered("minted"), answered("reused"), answered("revoked"),
    ),
    illegal(
        "siblings", single_flight, "AUT-1", "was refreshed 2 times", [0, 1], answered("minted"), answered("minted")
    ),
    illegal(
        "one-after-the-other", single_flight, "AUT-1", "was refreshed 2 times", [0, 1],
        answered("minted"), answered("minted", generation=2),
    ),
    illegal(
        "in-one-of-two-families", single_flight, "AUT-1", "redeemed 2 times", [1, 2],
        answered("minted", family="other"), answered("minted"), answered("reused"),
    ),
    legal("by-two-paths", one_credential_one_lock, answered("minted"), turn("lane0"), turn("lane1")),
    illegal("twice-by-two-paths", one_credential_one_lock, "CFG-11", "redeemed 2 times", [0, 1],
        answered("minted"), answered("reused"), turn("lane0"), turn("lane1")),
    illegal("one-of-two-paths-fails", one_credential_one_lock, "CFG-11", "1 runs failed, lane1", [4],
        answered("minted"), turn("lane0"), turn("lane1", ok=False)),
    undecided("nobody-refreshed", single_flight, "nobody refreshed"),
    undecided("none-went-through", single_flight, "nobody refreshed", answered("error-before-commit", status=0)),
    undecided(
        "an-answer-was-lost", single_flight, "an answer to a refresh was lost",
        answered("dropped-after-commit", status=0), answered("reused"),
    ),
    legal("all-got-through", everybody_succeeds, turn("lane0"), turn("lane1")),
    illegal(
        "one-failed", everybody_succeeds, "AUT-1", "1 runs failed, lane1 with “signed out” (exit 1)", [3],
        turn("lane0"), turn("lane1", ok=False, message="signed out"),
    ),
    illegal(
        "one-was-killed", everybody_succeeds, "AUT-1", "lane0 with “E” (killed)", [1],
        turn("lane0", ok=False, exit_status=None),
    ),
    undecided("no-turn", everybody_succeeds, "no turn was started"),
    undecided("one-never-ended", everybody_succeeds, "lane1 never came to an end", turn("lane0"), start("lane1")),
]  # fmt: skip

RACE = (fired("held at grant"), profile("main", "newer installed", "new"), answered("reused"))
AUT_2 = [
    legal("the-newer-one-stays", loser_rereads, RACE, turn("lane0"), profile("main", "at the end", "new")),
    legal("refreshed-once-more", loser_rereads, RACE, turn("lane0"), profile("main", "at the end", "newest")),
    illegal(
        "deleted", loser_rereads, "AUT-2", "was deleted, although a newer one", [1, 5],
        RACE, turn("lane0"), profile("main", "at the end", "", exists=False),
    ),
    illegal(
        "gave-up", loser_rereads, "AUT-2", "yet the run gave up|log in again", [4, 1],
        RACE, turn("lane0", ok=False, message="log in again"), profile("main", "at the end", "new"),
    ),
    legal("the-fault-never-fired", loser_rereads, turn("lane0")),
    undecided("no-reuse", loser_rereads, "no refresh was answered with reuse", fired(), answered("minted"),
        turn("lane0")),
    undecided("never-ended", loser_rereads, "lane0 never came to an end", RACE, start("lane0")),
    undecided("end-not-looked-at", loser_rereads, "profile main was not looked at at the end", RACE, turn("lane0")),
    undecided(
        "newer-not-stored", loser_rereads, "was not seen in the store", fired(), answered("reused"), turn("lane0"),
        profile("main", "newer installed", "", exists=False), profile("main", "at the end", "", exists=False),
    ),
]  # fmt: skip


def holds(generation: Any, which: str = "main", family: Any = "codex") -> FileSeen:
    return file(f"profile {which}", path=which, parses=None, facts={"family": family, "generation": generation})


AUT_3 = [
    legal("forward", store_never_goes_back, holds(0), holds(1), holds(1), holds(3)),
    legal("gone-for-a-while", store_never_goes_back, holds(0), holds(None, family=""), holds(1)),
    legal("a-new-sign-in-begins-at-0", store_never_goes_back, holds(0), holds(4), holds(0, family="new")),
    legal("two-profiles", store_never_goes_back, holds(0), holds(5, "other"), holds(1)),
    illegal("back", store_never_goes_back, "AUT-3", "profile main: token 1 stands|after token 2", [1, 2],
        holds(2, family="old"), holds(2), holds(1)),
    illegal("back-after-it-was-gone", store_never_goes_back, "AUT-3", "token 0 stands", [1, 3],
        holds(0), holds(1), holds(None, family=""), holds(0)),
    illegal("the-other-one", store_never_goes_back, "AUT-3", "profile other: token 0", [1, 3],
        holds(0, "other"), holds(1, "other"), holds(1), holds(0, "other")),
    undecided("never-renewed", store_never_goes_back, "no profile was ever seen", holds(0), holds(0)),
    undecided("nobody-looked", store_never_goes_back, "no profile was ever seen", turn("lane0")),
]  # fmt: skip


def kept(when: str, generation: int | None, account: bool) -> FileSeen:
    facts = {"when": when, "family": "main", "generation": generation, "account": account}
    return file("profile main", path="main", parses=None, facts=facts)


KEPT, RENEWED = kept("before", 0, account=True), answered("minted")
AUT_3_LOSES = [
    legal("all-kept", renewal_loses_nothing, KEPT, RENEWED, kept("at the end", 0, account=True)),
    legal("no-account-there", renewal_loses_nothing, kept("before", 0, account=False), RENEWED,
        kept("at the end", 0, account=False)),
    illegal("token", renewal_loses_nothing, "AUT-3", "lost what had been stored: the refresh token", [0, 2],
        KEPT, RENEWED, kept("at the end", None, account=True)),
    illegal("account", renewal_loses_nothing, "AUT-3", "lost what had been stored: whose account it is", [0, 2],
        KEPT, RENEWED, kept("at the end", 0, account=False)),
    undecided("nobody-refreshed", renewal_loses_nothing, "nobody refreshed", KEPT, kept("at the end", 0, account=True)),
    undecided("nothing-there", renewal_loses_nothing, "no refresh token was seen", kept("before", None, account=True),
        RENEWED, kept("at the end", None, account=True)),
]  # fmt: skip

AUT_7 = [
    legal("same-bytes", other_profile_untouched, profile("other", "before"), profile("other", "at the end")),
    illegal(
        "changed", other_profile_untouched, "AUT-7", "was changed", [0, 1],
        profile("other", "before"), profile("other", "at the end", "e"),
    ),
    illegal(
        "gone", other_profile_untouched, "AUT-7", "is gone", [0, 1],
        profile("other", "before"), profile("other", "at the end", "", exists=False),
    ),
    undecided("not-looked-at", other_profile_untouched, "other was not looked at before", profile("main", "before")),
    undecided("only-once", other_profile_untouched, "not looked at at the end", profile("other", "before")),
    undecided(
        "never-there", other_profile_untouched, "was not seen in the store",
        profile("other", "before", "", exists=False), profile("other", "at the end", "", exists=False),
    ),
]  # fmt: skip


USABLE = other_profile_is_usable
AUT_7_USABLE = [
    legal("asked-with-the-other", USABLE, fired(), asked(1, "revoked", "codex"), turn("no-token")),
    legal("nothing-refused", USABLE, asked(1, "revoked", "anthropic")),
    legal("nobody-asked", USABLE, fired(), turn("revoked", ok=False), turn("no-token")),
    illegal("passed-over", USABLE, "AUT-7", "wants another was passed over", [1], fired(),
        asked(1, "revoked", "anthropic"), turn("no-token")),
    illegal("all-profiles-fail", USABLE, "AUT-7", "one profile has no token, and a turn that wants another fails", [3],
        fired(), asked(1, "revoked", "codex"), turn("no-token", ok=False)),
    undecided("never-ended", USABLE, "no-token never came to an end", fired(), start("no-token")),
]  # fmt: skip


def newest(which: str, generation: int) -> FileSeen:
    facts = {"when": "at the end", "family": which, "generation": generation}
    return file(f"profile {which}", path=which, parses=None, facts=facts)


NEWEST = profiles_keep_their_newest
BOTH = (fired(), answered("minted"), answered("minted", family="other", generation=2))
AUT_7_NEWEST = [
    legal("both-newest", NEWEST, BOTH, newest("main", 1), newest("other", 2)),
    legal("nothing-held", NEWEST, answered("minted"), newest("main", 1), newest("other", 0)),
    illegal("undone", NEWEST, "AUT-7", "profile other does not have its newest token", [4],
        BOTH, newest("main", 1), newest("other", 1)),
    illegal("both-undone", NEWEST, "AUT-7", "profile main", [3], BOTH, newest("main", 0), newest("other", 2)),
    undecided("one-refreshed", NEWEST, "not both profiles", fired(), answered("minted"), newest("main", 1),
        newest("other", 0)),
    undecided("not-looked", NEWEST, "was not looked at", BOTH),
    undecided("none-refreshed", NEWEST, "nobody refreshed", fired(), newest("main", 0), newest("other", 0)),
]  # fmt: skip

AUT_9 = [
    legal("closed-config", closed_config_stays_closed, file(), add("a"), file(digest="new")),
    legal("open-config", closed_config_stays_closed, file(mode=0o644), add("a"), file(mode=0o644)),
    illegal("config-opened", closed_config_stays_closed, "AUT-9", "opened to them by being written: mode 0644", [0, 3],
        file(), add("a"), file(mode=0o644)),
    undecided("no-add", closed_config_stays_closed, "not seen before and after", file(), add("a", ok=False), file()),
    legal("private-and-whole", secrets_stay_in, store(), store(digest="new")),
    legal("not-there-at-first", secrets_stay_in, gone("credentials"), store()),
    legal("signed-out-for-good", secrets_stay_in, store(), gone("credentials", path="LAB/home/credentials.json")),
    legal("no-document", secrets_stay_in, store(parses=None)),
    legal("config-may-be-read", secrets_stay_in, store(), file(mode=0o644)),
    illegal("group-may-read", secrets_stay_in, "AUT-9", "mode 0640", [1], store(), store(mode=0o640),
        store(mode=0o644)),
    illegal("torn-once", secrets_stay_in, "AUT-9", "torn (3 bytes)", [1], store(), store(parses=False, size=3),
        store()),
    illegal(
        "missing-for-a-while", secrets_stay_in, "AUT-9", "missing for a while", [1],
        store(), gone("credentials", path="LAB/home/credentials.json"), store(),
    ),
    illegal(
        "temporary-of-everybody", secrets_stay_in, "AUT-9", "readable by others: mode 0644, .x.tmp", [1],
        store(), file("exposed", path="LAB/home/.x.tmp", mode=0o644), file("exposed", path="LAB/home/.y", mode=0o644),
    ),
    illegal("printed", secrets_stay_in, "AUT-9", "abcd1234|stood in stdout of lane0", [1], store(), LEAK),
    illegal("printed-and-no-store-seen", secrets_stay_in, "AUT-9", "abcd1234", [0], LEAK),
    illegal("key-printed", keys_stay_in, "AUT-9", "abcd1234|stood in stdout of lane0", [2], turn("lane0"), LEAK),
    legal("key-not-seen", keys_stay_in, turn("lane0")),
    undecided("nobody-ran", keys_stay_in, "no command has ended"),
    undecided("nobody-looked", secrets_stay_in, "no credential file", file()),
    undecided("never-there", secrets_stay_in, "no credential file", gone("credentials")),
]  # fmt: skip


KILLED = {"ok": False, "exit_status": None, "code": "", "kind": "unclear"}
ASKS = {"ok": False, "kind": "auth", "code": "reauthentication-needed"}
BEFORE, AFTER = profile("other", "v before"), profile("other", "v after")
DEAD = (BEFORE, answered("minted"), struck("v", "kill"), *turn("v", **KILLED))
AUT_4 = [
    legal("it-was-stored", crash_asks_once, DEAD, turn("v-next"), turn("v-again"), AFTER),
    legal("asks-once", crash_asks_once, DEAD, answered("reused"), turn("v-next", **ASKS), turn("v-again", **ASKS),
        AFTER, turn("v-signed-in")),
    illegal("loop", crash_asks_once, "AUT-4", "a spent token was sent 2 times", [2, 5, 8], DEAD, answered("reused"),
        turn("v-next", **ASKS), answered("revoked"), turn("v-again", **ASKS), AFTER),
    *[
        illegal(name, crash_asks_once, "AUT-4", "does not ask clearly to sign in", [2, 6], DEAD,
            turn("v-next", **{**ASKS, **how}), AFTER)
        for name, how in (
            ("other-kind", {"kind": "retryable"}), ("no-code", {"code": ""}), ("exit-0", {"exit_status": 0}),
            ("died", {"exit_status": None}), ("stack-trace", {"traceback": True}),
        )
    ],
    illegal("sign-in-does-not-help", crash_asks_once, "AUT-4", "fails after a new sign-in", [2, 8], DEAD,
        turn("v-next", **ASKS), turn("v-signed-in", **ASKS), AFTER),
    illegal("other-changed", crash_asks_once, "AUT-4", "harmed another profile", [2, 5], DEAD,
        profile("other", "v after", "e")),
    illegal("other-gone", crash_asks_once, "AUT-4", "harmed another profile", [2, 5], DEAD,
        profile("other", "v after", "", exists=False)),
    undecided("nothing-struck", crash_asks_once, "no refresh was struck", turn("v")),
    undecided("not-looked", crash_asks_once, "the other profile was not seen", struck("v"), turn("v", **KILLED)),
]  # fmt: skip


TOLD = (fired(), signalled("signalled", 15), *turn("signalled", ok=False, kind="stopped", exit_status=143))
AUT_4_SIGNAL = [
    legal("stored", signal_loses_no_token, TOLD, turn("signalled-next")),
    legal("nothing-sent", signal_loses_no_token, turn("signalled"), turn("signalled-next")),
    illegal("lost", signal_loses_no_token, "AUT-4", "lost the token that it had got; the next turn fails", [3, 5], TOLD,
        turn("signalled-next", **ASKS)),
    undecided("fails-otherwise", signal_loses_no_token, "for another reason", TOLD, turn("signalled-next", ok=False)),
    undecided("no-signal", signal_loses_no_token, "no refresh got a signal", fired(), turn("signalled")),
    undecided("no-next-turn", signal_loses_no_token, "signalled-next never came to an end", TOLD),
]  # fmt: skip


@pytest.mark.parametrize(
    ("checker", "events", "expected"),
    [*AUT_1, *AUT_2, *AUT_3, *AUT_3_LOSES, *AUT_4, *AUT_4_SIGNAL, *AUT_7, *AUT_7_NEWEST, *AUT_7_USABLE, *AUT_9],
)
def test_auth(checker: Any, events: Any, expected: Any) -> None:
    check(checker, events, expected)


def test_reading_rights_and_a_leak_are_two_findings() -> None:
    checker, events, _ = illegal("", secrets_stay_in, "", "", [], store(mode=0o604), LEAK).values
    check(checker, events, (("AUT-9", ("mode 0604",), (0,)), ("AUT-9", ("abcd1234",), (1,))))
