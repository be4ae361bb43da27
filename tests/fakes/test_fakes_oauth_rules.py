"""The refresh-token state machine: the smallest legal and illegal step of each policy, and its invariants."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.oauth.policies import POLICY_NAMES, policy_named
from fakes.oauth.rules import Family, FamilyState, Grant, Token, TokenState, redeem
from fakes.oauth.settings import Fault, OAuthSettings, OAuthSettingsError


class Machine:
    """One family under one policy, with readable token names: t0, then t1, t2 … in the order of minting."""

    def __init__(self, policy: str, ttl=None, family_ttl=None):
        self.policy, self.ttl, self.names = policy_named(policy), ttl, count(1)
        self.family = Family(
            name="f",
            account="a",
            client_id="c",
            scope=frozenset({"x", "y"}),
            expires_at=family_ttl,
            newest="t0",
        )
        self.family.tokens["t0"] = Token(value="t0", generation=0, parent=None, expires_at=ttl)

    def redeem(self, token="t0", *, at=0.0, client="c", scope=None):
        asked = Grant(refresh_token=token, client_id=client, scope=scope)
        known = self.family if token in self.family.tokens else None
        mint = lambda family, generation: f"t{next(self.names)}"  # noqa: E731
        decided = redeem(asked, known, self.policy, at, self.ttl, mint)
        return decided.decision, decided.issued.value if decided.issued else None

    def live(self):
        return [token.value for token in self.family.live()]


@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_every_policy_rotates_a_live_token(policy):
    machine = Machine(policy)
    assert machine.redeem("t0") == ("minted", "t1")
    assert machine.redeem("t1") == ("minted", "t2")
    assert machine.live() == ["t2"]
    assert [token.generation for token in machine.family.tokens.values()] == [0, 1, 2]
    assert [entry.decision for entry in machine.family.redemptions] == ["minted", "minted"]


def test_strict_revokes_the_family_at_a_reuse():
    machine = Machine("strict")
    machine.redeem("t0")
    assert machine.redeem("t0") == ("reused", None)
    assert (machine.live(), machine.family.state) == ([], FamilyState.REVOKED)
    assert machine.redeem("t1") == ("revoked", None)
    assert machine.redeem("t0") == ("revoked", None)


def test_reject_only_keeps_the_family():
    machine = Machine("reject-only")
    machine.redeem("t0")
    assert machine.redeem("t0") == ("reused", None)
    assert machine.redeem("t1") == ("minted", "t2")


def test_leeway_mints_a_sibling_for_the_newest_tokens_parent_in_time():
    machine = Machine("leeway:10")
    machine.redeem("t0", at=0)
    assert machine.redeem("t0", at=9.9) == ("minted", "t2")
    assert machine.live() == ["t1", "t2"]


@pytest.mark.parametrize(("between", "at"), [((), 10.0), (("t1",), 1.0)])
def test_leeway_revokes_when_late_or_when_the_successor_was_used(between, at):
    machine = Machine("leeway:10")
    machine.redeem("t0", at=0)
    for token in between:
        machine.redeem(token, at=0.5)
    assert machine.redeem("t0", at=at) == ("reused", None)
    assert machine.live() == []


def test_grace_counts_reuses_in_a_window_that_does_not_extend():
    machine = Machine("grace:10:2")
    machine.redeem("t0", at=0)
    assert machine.redeem("t0", at=6) == ("minted", "t2")
    assert machine.redeem("t0", at=9) == ("minted", "t3")
    assert machine.redeem("t0", at=9) == ("reused", None)
    late = Machine("grace:10:2")
    late.redeem("t0", at=0)
    late.redeem("t0", at=9)
    assert late.redeem("t0", at=11) == ("reused", None)
    assert late.live() == []


def test_idempotent_returns_the_same_successor_while_it_is_live():
    machine = Machine("idempotent:10")
    machine.redeem("t0", at=0)
    assert machine.redeem("t0", at=1) == ("replayed", "t1")
    assert machine.redeem("t0", at=2) == ("replayed", "t1")
    machine.redeem("t1", at=3)
    assert machine.redeem("t0", at=4) == ("reused", None)
    late = Machine("idempotent:10")
    late.redeem("t0", at=0)
    assert late.redeem("t0", at=10) == ("reused", None)


def test_counter_gives_the_parent_the_current_token_and_ends_the_session_for_older_ones():
    machine = Machine("counter")
    machine.redeem("t0")
    assert machine.redeem("t0", at=1e6) == ("replayed", "t1")
    machine.redeem("t1")
    assert machine.redeem("t0") == ("reused", None)
    assert machine.redeem("t2") == ("revoked", None)


@pytest.mark.parametrize(
    ("asked", "decision"),
    [
        ({"token": ""}, "invalid-request"),
        ({"client": ""}, "invalid-request"),
        ({"token": "nonsense"}, "unknown"),
        ({"client": "other"}, "wrong-client"),
        ({"at": 100.0}, "expired"),
        ({"scope": frozenset({"x", "z"})}, "invalid-scope"),
    ],
)
def test_refusals_change_nothing(asked, decision):
    machine = Machine("strict", ttl=100.0)
    before = dict(machine.family.tokens)
    assert machine.redeem(**asked) == (decision, None)
    assert (machine.family.tokens, machine.family.state) == (before, FamilyState.ACTIVE)
    assert machine.redeem(scope=frozenset({"x"})) == ("minted", "t1")


def test_the_order_of_refusals():
    machine = Machine("strict", ttl=1.0)
    wide = frozenset({"z"})
    assert machine.redeem(client="other", at=5, scope=wide)[0] == "wrong-client"
    assert machine.redeem(at=5, scope=wide)[0] == "expired"
    machine.family.revoke()
    assert machine.redeem(at=5, scope=wide)[0] == "revoked"


def test_the_familys_own_end():
    machine = Machine("strict", family_ttl=50.0)
    assert machine.redeem(at=49.9) == ("minted", "t1")
    assert machine.redeem("t1", at=50.0) == ("expired", None)


def test_an_expired_spent_token_is_expired_and_revokes_nothing():
    machine = Machine("strict", ttl=10.0)
    machine.redeem(at=5)
    assert machine.redeem("t0", at=11) == ("expired", None)
    assert machine.live() == ["t1"]


steps = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from([0.0, 0.5, 5.0, 20.0]), st.sampled_from(["c", "c", "c", "d"])),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_strict_keeps_one_live_token_and_never_mints_from_a_spent_one(history):
    machine, now, minted_from = Machine("strict"), 0.0, []
    for number, wait, client in history:
        now += wait
        token = f"t{number}"
        before = machine.family.tokens.get(token)
        decision, issued = machine.redeem(token, at=now, client=client)
        assert len(machine.live()) <= 1
        assert (issued is not None) == (decision == "minted")
        if issued is not None:
            assert before is not None
            assert before.state is TokenState.LIVE
            minted_from.append(token)
    assert len(minted_from) == len(set(minted_from))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["strict", "reject-only", "leeway:3", "grace:3:2", "idempotent:3", "counter"]), steps)
def test_under_every_policy_the_records_stay_consistent(policy, history):
    machine, now = Machine(policy), 0.0
    for number, wait, client in history:
        now += wait
        machine.redeem(f"t{number}", at=now, client=client)
        family = machine.family
        for token in family.tokens.values():
            parent = family.tokens.get(token.parent or "")
            assert token.generation == (parent.generation + 1 if parent else 0)
            assert parent is None or parent.state is not TokenState.LIVE
            assert (token.first_used_at is None) == (token.uses == 0)
        if family.state is FamilyState.REVOKED:
            assert not family.live()
            assert all(token.state is not TokenState.LIVE for token in family.tokens.values())


@pytest.mark.parametrize(
    "text", ["Strict", "", "leeway:x", "leeway:-1", "leeway:1:2", "grace:1:2:3", "strict:1", "leeway:nan"]
)
def test_a_wrong_policy_is_refused(text):
    with pytest.raises(OAuthSettingsError, match="policy"):
        policy_named(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: OAuthSettings(dialect="openid"),
        lambda: OAuthSettings(access_ttl=0),
        lambda: OAuthSettings(refresh_ttl=-1),
        lambda: Fault(kind="explode"),
        lambda: Fault(kind="drop-after-commit", times=0),
        lambda: Fault(kind="error-before-commit", status=200),
        lambda: Fault(kind="error-before-commit", status=307),
        lambda: Fault(kind="error-before-commit", status=503, location="http://elsewhere/"),
    ],
)
def test_wrong_settings_are_refused(make):
    with pytest.raises(OAuthSettingsError):
        make()
