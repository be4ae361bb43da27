"""A family of refresh tokens under rotation, and what a server may do with a spent one.

    redeem   the argument is a `Presented` token; the result a `Redeemed`: the decision and the token handed out

The decisions and the policies have the names that authorization servers give them (RFC 6749 section 6, RFC 9700 section
4.14.2). A model has no clock: where a policy's answer depends on the time since the first use, both are possible. An
answer that was lost has minted a token that nobody knows; a server that repeats itself may hand it out later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from harness.checkers.models.model import Explanation, Model, Operation, by_name

Policy = Literal["strict", "reject-only", "leeway", "grace", "idempotent", "counter"]
Decision = Literal["minted", "replayed", "reused", "revoked", "unknown"]
FIRST = "first"  # how the token is called that the sign-in gave out, unless the caller names it otherwise
_LOST = " (lost)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """The argument of a redemption."""

    family: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """The result: `issued` is the token that was handed out, None for a refusal."""

    decision: Decision
    issued: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token of a family. `successor` is the first that was minted for it, which only a spent token has."""

    name: str
    parent: str | None = None
    successor: str | None = None
    lost: bool = False  # nobody was told its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A family in the order of minting; the last one is the newest."""

    known: tuple[Token, ...]
    revoked: bool = False

    def find(self, name: str) -> Token | None:
        return next((token for token in self.known if token.name == name), None)


Next = tuple[Tokens, Redeemed]  # what follows, and what is answered


def token_family(policy: Policy, first: str = FIRST) -> Model[Tokens]:
    """The model of families under this policy, each of which begins with this token."""
    return Model(
        init=lambda: Tokens(known=(Token(name=first),)),
        step=lambda tokens, operation: _step(policy, tokens, operation),
        describe=_describe,
        partition=by_name(lambda operation: operation.argument.family),
        reasons=(_spent_twice,) if policy in ("strict", "reject-only") else (),
    )


def _step(policy: Policy, tokens: Tokens, operation: Operation) -> tuple[Tokens, ...]:
    name, result = operation.argument.token, operation.result
    issued = f"{len(tokens.known)}{_LOST}" if operation.outcome == "info" else result.issued
    following = _decide(policy, tokens, name, issued)
    if operation.outcome == "info":
        return tuple(dict.fromkeys(after for after, _ in following))
    return tuple(after for after, answer in following if answer == result)


def _decide(policy: Policy, tokens: Tokens, name: str, issued: str | None) -> list[Next]:
    """Everything that may follow; `issued` is how a token is called that is handed out now for the first time."""
    token = tokens.find(name)
    if token is None:
        return [(tokens, Redeemed(decision="unknown"))]
    if tokens.revoked:
        return [(tokens, Redeemed(decision="revoked"))]
    if token.successor is None:
        return _mint(tokens, token, issued)
    return [following for rule in _REUSE[policy] for following in rule(tokens, token, issued)]


def _mint(tokens: Tokens, parent: Token, issued: str | None) -> list[Next]:
    if issued is None or tokens.find(issued) is not None:
        return []  # a minted token is a new one
    spent = replace(parent, successor=parent.successor or issued)
    known = tuple(spent if token == parent else token for token in tokens.known)
    minted = Token(name=issued, parent=parent.name, lost=issued.endswith(_LOST))
    return [(replace(tokens, known=(*known, minted)), Redeemed(decision="minted", issued=issued))]


def _refuse(tokens: Tokens, spent: Token, issued: str | None) -> list[Next]:
    """The family lives on."""
    return [(tokens, Redeemed(decision="reused"))]


def _revoke(tokens: Tokens, spent: Token, issued: str | None) -> list[Next]:
    """The family ends (RFC 9700 section 4.14.2)."""
    return [(replace(tokens, revoked=True), Redeemed(decision="reused"))]


def _sibling_of_newest(tokens: Tokens, spent: Token, issued: str | None) -> list[Next]:
    return _mint(tokens, spent, issued) if tokens.known[-1].parent == spent.name else []


def _replay_successor(tokens: Tokens, spent: Token, issued: str | None) -> list[Next]:
    successor = tokens.find(spent.successor or "")
    return _replay(tokens, successor, issued) if successor is not None and successor.successor is None else []


def _replay_newest(tokens: Tokens, spent: Token, issued: str | None) -> list[Next]:
    """The parent of the newest token gets that one again; whatever is older ends the family."""
    newest = tokens.known[-1]
    return _replay(tokens, newest, issued) if newest.parent == spent.name else _revoke(tokens, spent, issued)


def _replay(tokens: Tokens, token: Token, issued: str | None) -> list[Next]:
    """Hand a token out again. One whose answer was lost gets its name now."""
    if token.lost and issued is not None and not issued.endswith(_LOST) and tokens.find(issued) is None:
        names = {token.name: issued}
        known = tuple(
            replace(
                other,
                name=names.get(other.name, other.name),
                successor=names.get(other.successor or "", other.successor),
                lost=other.lost and other != token,
            )
            for other in tokens.known
        )
        return [(replace(tokens, known=known), Redeemed(decision="replayed", issued=issued))]
    return [(tokens, Redeemed(decision="replayed", issued=token.name))]


# What each policy may do with a spent token; with two entries the time decides, which no model knows.
_REUSE: dict[Policy, tuple[Callable[[Tokens, Token, str | None], list[Next]], ...]] = {
    "strict": (_revoke,),
    "reject-only": (_refuse,),
    "leeway": (_sibling_of_newest, _revoke),
    "grace": (_mint, _revoke),
    "idempotent": (_replay_successor, _revoke),
    "counter": (_replay_newest,),
}


def _describe(operation: Operation) -> str:
    actor, token, result = operation.actor, operation.argument.token, operation.result
    if operation.outcome == "info":
        return f"{actor} may have redeemed {token}"
    got = f"{result.decision} {result.issued}" if result.issued else result.decision
    return f"{actor} redeemed {token}: {got}"


def _spent_twice(operations: Sequence[Operation]) -> Explanation | None:
    """One token was redeemed twice, under a policy that allows no second time."""
    minted = [o for o in operations if o.outcome == "ok" and o.result.decision == "minted"]
    for one, other in combinations(minted, 2):
        if one.argument.token == other.argument.token:
            sentence = (
                f"{one.actor} and {other.actor} both redeemed {one.argument.token}, and each got a token of its own"
            )
            return Explanation(sentence=sentence, operations=(one, other))
    return None
