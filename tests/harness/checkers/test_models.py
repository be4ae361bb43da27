"""Each model: the smallest histories that it allows and forbids, and the sentence that says why."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checkers.explain import explain
from harness.checkers.linearizable import Linearizable, NotLinearizable, linearize
from harness.checkers.models.lock import lock
from harness.checkers.models.model import Model, Operation
from harness.checkers.models.named_set import named_set
from harness.checkers.models.register import Named, register
from harness.checkers.models.tokens import Presented, Redeemed, token_family
from tests.harness.checkers.operations import info, ok

Case = tuple[str, Model[Any], list[Operation]]
Told = tuple[str, Model[Any], list[Operation], str]


def add(actor: str, name: str, invoked: int, returned: int, result: str = "added") -> Operation:
    return ok(actor, "add", name, result, invoked, returned)


def delete(actor: str, name: str, invoked: int, returned: int, result: str = "deleted") -> Operation:
    return ok(actor, "delete", name, result, invoked, returned)


def listed(actor: str, names: str, invoked: int, returned: int) -> Operation:
    return ok(actor, "list", None, frozenset(names), invoked, returned)


def write(actor: str, value: Any, invoked: int, returned: int) -> Operation:
    return ok(actor, "write", Named(register="version", value=value), None, invoked, returned)


def read(actor: str, value: Any, invoked: int, returned: int) -> Operation:
    return ok(actor, "read", Named(register="version"), value, invoked, returned)


def swap(actor: str, expected: Any, new: Any, invoked: int, returned: int, result: bool = True) -> Operation:
    return ok(actor, "compare-and-set", Named(register="version", value=(expected, new)), result, invoked, returned)


def redeem(actor: str, token: str, decision: Any, issued: str | None, invoked: int, returned: int) -> Operation:
    presented = Presented(family="codex", token=token)
    return ok(actor, "redeem", presented, Redeemed(decision=decision, issued=issued), invoked, returned)


def lost(actor: str, token: str, invoked: int) -> Operation:
    return info(actor, "redeem", Presented(family="codex", token=token), invoked)


def acquire(actor: str, result: int | str, invoked: int, returned: int) -> Operation:
    return ok(actor, "acquire", "main", result, invoked, returned)


def release(actor: str, invoked: int, returned: int, result: str = "released") -> Operation:
    return ok(actor, "release", "main", result, invoked, returned)


def crash(actor: str, invoked: int, returned: int) -> Operation:
    return ok(actor, "crash", "main", None, invoked, returned)


LEGAL: list[Case] = [
    ("set-list-sees-the-add", named_set(), [add("a", "x", 0, 1), listed("l", "x", 2, 3)]),
    ("set-list-beside-the-add", named_set(), [add("a", "x", 0, 9), listed("l", "", 1, 2), listed("m", "x", 3, 4)]),
    ("set-conflict", named_set(), [add("a", "x", 0, 9), add("b", "x", 1, 8, "conflict")]),
    ("set-there-at-first", named_set("x"), [listed("l", "x", 0, 1), add("a", "x", 2, 3, "conflict")]),
    ("set-added-again", named_set(), [add("a", "x", 0, 1), delete("b", "x", 2, 3), add("c", "x", 4, 5)]),
    ("set-absent", named_set(), [delete("a", "x", 0, 1, "absent"), listed("l", "", 2, 3)]),
    ("set-killed-add", named_set(), [info("a", "add", "x", 0), listed("l", "", 1, 2), listed("m", "x", 3, 4)]),
    ("set-killed-delete", named_set("x"), [info("a", "delete", "x", 0), listed("l", "", 1, 2)]),
    ("register-compare-and-set", register(4), [swap("a", 4, 5, 0, 9), swap("b", 4, 6, 1, 8, False)]),
    ("register-back-again", register(4), [swap("a", 4, 5, 0, 1), write("b", 4, 2, 3), swap("c", 4, 6, 4, 5)]),
    ("register-killed-write", register(0), [
        info("a", "write", Named(register="version", value=1), 0), read("b", 0, 1, 2), read("b", 1, 3, 4)]),
    ("tokens-rotation", token_family("strict"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("a", "t1", "minted", "t2", 2, 3)]),
    ("tokens-strict-reuse", token_family("strict"), [
        redeem("a", "first", "minted", "t1", 0, 9), redeem("b", "first", "reused", None, 1, 8),
        redeem("a", "t1", "revoked", None, 10, 11)]),
    ("tokens-reject-only-reuse", token_family("reject-only"), [
        redeem("a", "first", "minted", "t1", 0, 9), redeem("b", "first", "reused", None, 1, 8),
        redeem("a", "t1", "minted", "t2", 10, 11)]),
    ("tokens-leeway-sibling", token_family("leeway"), [
        redeem("a", "first", "minted", "t1", 0, 9), redeem("b", "first", "minted", "t2", 1, 8)]),
    ("tokens-grace-grandparent", token_family("grace"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("a", "t1", "minted", "t2", 2, 3),
        redeem("b", "first", "minted", "t3", 4, 5)]),
    ("tokens-idempotent-replay", token_family("idempotent"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("b", "first", "replayed", "t1", 2, 3)]),
    ("tokens-counter-parent", token_family("counter"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("b", "first", "replayed", "t1", 2, 3)]),
    ("tokens-unknown", token_family("strict"), [redeem("a", "stolen", "unknown", None, 0, 1)]),
    ("tokens-lost-answer", token_family("strict"), [lost("a", "first", 0), redeem("a", "first", "reused", None, 1, 2)]),
    ("tokens-lost-answer-replayed", token_family("idempotent"), [
        lost("a", "first", 0), redeem("a", "first", "replayed", "t1", 1, 2), redeem("a", "t1", "minted", "t2", 3, 4)]),
    ("tokens-two-families", token_family("strict"), [
        redeem("a", "first", "minted", "t1", 0, 1),
        ok("b", "redeem", Presented(family="other", token="first"), Redeemed(decision="minted", issued="t1"), 2, 3)]),
    ("lock-passes-on", lock(), [acquire("a", 1, 0, 1), release("a", 2, 3), acquire("b", 2, 4, 5)]),
    ("lock-waits", lock(), [acquire("a", 1, 0, 1), acquire("b", 2, 2, 9), release("a", 3, 4)]),
    ("lock-busy", lock(), [acquire("a", 1, 0, 1), acquire("b", "busy", 2, 3)]),
    ("lock-crash", lock(), [acquire("a", 1, 0, 1), crash("a", 2, 3), acquire("b", 5, 4, 5)]),
    ("lock-killed-acquire", lock(), [info("a", "acquire", "main", 0), acquire("b", "busy", 1, 2)]),
    ("lock-number-unseen", lock(), [info("a", "acquire", "main", 0), crash("a", 1, 2), acquire("b", 2, 3, 4)]),
    ("lock-not-held", lock(), [release("a", 0, 1, "not-held")]),
    ("lock-two-locks", lock(), [acquire("a", 1, 0, 1), ok("b", "acquire", "other", 1, 2, 3)]),
]  # fmt: skip

ILLEGAL: list[Told] = [
    ("set-lost", named_set(), [add("add-x", "x", 0, 1), listed("list", "y", 4, 5), add("add-y", "y", 2, 3)],
     "add-x was acknowledged before list began, yet the list lacks x"),
    ("set-not-deleted", named_set("x"), [delete("del-x", "x", 0, 1), listed("list", "x", 2, 3)],
     "del-x was acknowledged before list began, yet the list still shows x"),
    ("set-two-winners", named_set(), [add("a", "x", 0, 9), add("b", "x", 1, 8)],
     "a and b both added x, although nobody deleted it between"),
    ("set-deleted-twice", named_set("x"), [delete("a", "x", 0, 9), delete("b", "x", 1, 8)],
     "a and b both deleted x, although nobody added it between"),
    ("set-ghost", named_set(), [listed("list", "x", 0, 1)], "list shows x, which nobody added"),
    ("set-gone", named_set("x"), [listed("list", "", 0, 1)], "list lacks x, which nobody deleted"),
    ("set-before-its-add", named_set(), [listed("list", "x", 0, 1), add("a", "x", 2, 3)],
     "list shows x, although it had ended before a began"),
    ("set-vanished", named_set(), [
        add("a", "x", 0, 9), listed("one", "x", 1, 2), listed("two", "", 3, 4)],
     "one shows x and two, which began later, lacks x, although nobody deleted it between"),
    ("set-crossed", named_set(), [
        add("a", "x", 0, 9), add("b", "y", 0, 9), listed("one", "x", 1, 8), listed("two", "y", 1, 8)],
     "one shows x without y, and two shows y without x: the two adds cannot have happened in either order"),
    ("set-refused-for-no-reason", named_set(), [add("a", "x", 0, 1, "conflict"), listed("list", "", 2, 3)],
     "no order of the 2 operations explains what was answered: at the start, “a asked to add x and was told conflict” "
     "is impossible, and so it is everywhere else that real time allows"),
    ("register-lost-update", register(4), [swap("lane0", 4, 5, 1, 2), swap("lane2", 4, 6, 0, 3)],
     "lane2 read version 4, lane0 wrote 5, lane2 wrote 6 without 5's change"),
    ("register-stale", register(4), [write("lane0", 5, 0, 1), read("lane2", 4, 2, 3)],
     "lane0 had written version 5 before lane2 began, yet lane2 read 4"),
    ("register-from-nowhere", register(4), [read("lane2", 7, 2, 3)], "lane2 read version 7, which nobody wrote"),
    ("register-flicker", register(0), [write("a", 1, 0, 9), read("b", 1, 1, 2), read("b", 0, 3, 4)],
     "no order of the 3 operations explains what was answered: after a wrote version 1, then b read version 1, “b read "
     "version 0” is impossible, and so it is everywhere else that real time allows (it overlapped a wrote version 1)"),
    ("tokens-strict-twice", token_family("strict"), [
        redeem("a", "first", "minted", "t1", 0, 9), redeem("b", "first", "minted", "t2", 1, 8)],
     "a and b both redeemed first, and each got a token of its own"),
    ("tokens-alive-after-reuse", token_family("strict"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("b", "first", "reused", None, 2, 3),
        redeem("a", "t1", "minted", "t2", 4, 5)],
     "no order of the 3 operations explains what was answered: after a redeemed first: minted t1, then b redeemed "
     "first: reused, “a redeemed t1: minted t2” is impossible, and so it is everywhere else that real time allows"),
    ("tokens-reject-only-revokes", token_family("reject-only"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("b", "first", "reused", None, 2, 3),
        redeem("a", "t1", "revoked", None, 4, 5)], "“a redeemed t1: revoked” is impossible"),
    ("tokens-leeway-grandparent", token_family("leeway"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("a", "t1", "minted", "t2", 2, 3),
        redeem("b", "first", "minted", "t3", 4, 5)], "“b redeemed first: minted t3” is impossible"),
    ("tokens-counter-grandparent", token_family("counter"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("a", "t1", "minted", "t2", 2, 3),
        redeem("b", "first", "replayed", "t2", 4, 5)], "“b redeemed first: replayed t2” is impossible"),
    ("tokens-replay-of-a-spent-one", token_family("idempotent"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("a", "t1", "minted", "t2", 2, 3),
        redeem("b", "first", "replayed", "t1", 4, 5)], "“b redeemed first: replayed t1” is impossible"),
    ("tokens-one-value-twice", token_family("strict"), [
        redeem("a", "first", "minted", "t1", 0, 1), redeem("a", "t1", "minted", "t1", 2, 3)],
     "“a redeemed t1: minted t1” is impossible"),
    ("lock-both", lock(), [acquire("a", 1, 0, 1), acquire("b", 2, 2, 3)],
     "a and b both held main: numbers 1 and 2 were granted, and neither had given it up when the other got it"),
    ("lock-number-goes-back", lock(), [acquire("a", 2, 0, 1), release("a", 2, 3), acquire("b", 2, 4, 5)],
     "“b was granted main with number 2” is impossible"),
    ("lock-number-unseen-is-used", lock(), [
        acquire("a", 1, 0, 1), crash("a", 2, 3), info("b", "acquire", "main", 4), acquire("c", "busy", 5, 6),
        crash("b", 7, 8), acquire("d", 2, 9, 10)], "“d was granted main with number 2” is impossible"),
    ("lock-busy-without-holder", lock(), [acquire("a", "busy", 0, 1)],
     "no order of the one operation explains what was answered: at the start, “a asked to acquire main and was told "
     "busy” is impossible"),
    ("lock-released-by-another", lock(), [acquire("a", 1, 0, 1), release("b", 2, 3)],
     "“b asked to release main and was told released” is impossible"),
    ("lock-taken-twice", lock(), [acquire("a", 1, 0, 1), acquire("a", 2, 2, 3)],
     "“a was granted main with number 2” is impossible"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "model", "operations"), LEGAL, ids=[case[0] for case in LEGAL])
def test_legal(name: str, model: Model[Any], operations: list[Operation]) -> None:
    assert isinstance(linearize(model, operations), Linearizable)


@pytest.mark.parametrize(("name", "model", "operations", "told"), ILLEGAL, ids=[case[0] for case in ILLEGAL])
def test_illegal(name: str, model: Model[Any], operations: list[Operation], told: str) -> None:
    answer = linearize(model, operations)
    assert isinstance(answer, NotLinearizable)
    explanation = explain(model, answer)
    general = explanation.sentence.startswith("no order of")
    assert told in explanation.sentence if general else told == explanation.sentence
    assert "\n" not in explanation.sentence


@pytest.mark.parametrize(("name", "model", "operations"), LEGAL, ids=[case[0] for case in LEGAL])
def test_no_reason_is_found_where_nothing_is_wrong(name: str, model: Model[Any], operations: list[Operation]) -> None:
    for part in model.partition(operations):
        assert [reason(part) for reason in model.reasons] == [None] * len(model.reasons)
