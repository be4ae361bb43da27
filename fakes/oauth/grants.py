"""The grants of the token endpoint: each reads its parameters, says which secret it presents, and commits in one step.

Client credentials are no grant here: the clients are public programs (RFC 8252 section 8.4) that have none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fakes.oauth.codes import CodeGrant, is_verifier
from fakes.oauth.dialects import Dialect, IssuedTokens, device_refusal
from fakes.oauth.parameters import scope_of
from fakes.oauth.rules import Decision, Grant
from fakes.oauth.signins import SignedIn, SignIns
from fakes.oauth.state import OAuthState
from fakes.wire.http import HttpReply

_VERIFIER = "code_verifier must be 43 to 128 letters, digits and - . _ ~"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a grant came to. `tokens` is None for a refusal, whose `detail` may say more than the decision."""

    decision: Decision
    tokens: IssuedTokens | None = None
    family: str = ""
    generation: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A grant that was read. `secret` is what it presents; `family` and `generation` are what that is known to be."""

    secret: str
    family: str
    generation: int | None
    commit: Callable[[], Committed]
    refuse: Callable[[Decision, str], HttpReply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: the exchange and the client's TCP port, for the record, and the issuer as the client wrote it."""

    exchange: int
    peer_port: int
    issuer: str


Parameters = Mapping[str, str]
Prepare = Callable[[Parameters, OAuthState, SignIns, Asker, Dialect], Prepared]


def _refresh(asked: Parameters, state: OAuthState, signins: SignIns, asker: Asker, dialect: Dialect) -> Prepared:
    grant = Grant(
        refresh_token=asked.get("refresh_token", ""),
        client_id=asked.get("client_id", ""),
        scope=scope_of(dict(asked)),
        exchange=asker.exchange,
        peer_port=asker.peer_port,
    )
    family, generation = state.family_of(grant.refresh_token)

    def commit() -> Committed:
        decided, tokens = state.redeem(grant, asker.issuer)
        return Committed(
            decision=decided.decision,
            tokens=tokens,
            family=family,
            generation=decided.issued.generation if decided.issued is not None else generation,
            detail=_missing(asked, "refresh_token", "client_id"),
        )

    return Prepared(
        secret=grant.refresh_token, family=family, generation=generation, commit=commit, refuse=dialect.refusal
    )


def _code(asked: Parameters, state: OAuthState, signins: SignIns, asker: Asker, dialect: Dialect) -> Prepared:
    names = ("code", "client_id", "redirect_uri", "code_verifier")
    code, client_id, redirect_uri, verifier = (asked.get(name, "") for name in names)
    grant = CodeGrant(code=code, client_id=client_id, redirect_uri=redirect_uri, verifier=verifier)
    problem = _missing(asked, *names) or ("" if is_verifier(verifier) else _VERIFIER)
    return _sign_in(grant.code, lambda: signins.exchange(grant, asker.issuer), dialect.code_refusal, problem)


def _device(asked: Parameters, state: OAuthState, signins: SignIns, asker: Asker, dialect: Dialect) -> Prepared:
    code, client_id = asked.get("device_code", ""), asked.get("client_id", "")
    return _sign_in(
        code,
        lambda: signins.poll(code, client_id, asker.issuer),
        device_refusal,
        _missing(asked, "device_code", "client_id"),
    )


def _sign_in(
    secret: str, act: Callable[[], SignedIn], refuse: Callable[[Decision, str], HttpReply], problem: str
) -> Prepared:
    def commit() -> Committed:
        done = act()
        family = done.family.name if done.family is not None else ""
        generation = 0 if done.tokens is not None else None
        return Committed(
            decision=done.decision, tokens=done.tokens, family=family, generation=generation, detail=problem
        )

    return Prepared(secret=secret, family="", generation=None, commit=commit, refuse=refuse)


def _missing(asked: Parameters, *names: str) -> str:
    absent = [name for name in names if not asked.get(name)]
    return f"{' and '.join(absent)} required." if absent else ""


GRANTS: dict[str, Prepare] = {"refresh_token": _refresh, "authorization_code": _code, DEVICE_CODE: _device}
