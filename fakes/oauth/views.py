"""What a caller may look at: every family and who redeemed what of it when, with tokens as fingerprints only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fakes.events import fingerprint
from fakes.oauth.rules import Decision, Family, Redemption, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """One refresh token by fingerprint, and the fingerprints of the access tokens issued with it."""

    token: str
    generation: int
    state: str
    parent: str
    uses: int
    expires_at: float | None
    access: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionView:
    """One presentation of a token of the family: what was decided, when (the server's clock), and for whom.

    `issued` is the token that was handed out, "" for a refusal; `exchange` joins the journal's records and `peer_port`
    is the client's TCP port, both 0 for a call that did not come over the wire.
    """

    token: str
    generation: int
    decision: Decision
    at: float
    issued: str
    client_id: str
    exchange: int
    peer_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyView:
    """One family as it stands. `generations` holds its tokens in the order of their minting."""

    name: str
    account: str
    client_id: str
    state: str
    expires_at: float | None
    generations: tuple[TokenView, ...]
    redemptions: tuple[RedemptionView, ...]


def view(family: Family, access_of: Mapping[str, Sequence[str]]) -> FamilyView:
    """The family as it stands. `access_of` gives the access tokens issued with a refresh token."""
    return FamilyView(
        name=family.name,
        account=family.account,
        client_id=family.client_id,
        state=family.state.value,
        expires_at=family.expires_at,
        generations=tuple(_token(token, access_of.get(token.value, ())) for token in family.tokens.values()),
        redemptions=tuple(map(_redemption, family.redemptions)),
    )


def _token(token: Token, access: Sequence[str]) -> TokenView:
    return TokenView(
        token=fingerprint(token.value),
        generation=token.generation,
        state=token.state.value,
        parent=fingerprint(token.parent or ""),
        uses=token.uses,
        expires_at=token.expires_at,
        access=tuple(map(fingerprint, access)),
    )


def _redemption(entry: Redemption) -> RedemptionView:
    return RedemptionView(
        token=fingerprint(entry.token),
        generation=entry.generation,
        decision=entry.decision,
        at=entry.at,
        issued=fingerprint(entry.issued or ""),
        client_id=entry.client_id,
        exchange=entry.exchange,
        peer_port=entry.peer_port,
    )
