"""The token endpoint: reads a request, passes it through gates and faults, and words the answer.

All decisions are the grants'; each is committed in one step between the two gates.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from fakes.events import TokenAnswered, TokenRequested, fingerprint
from fakes.exchange import Exchange
from fakes.layout import Piece
from fakes.oauth.dialects import UNSUPPORTED, Dialect, IssuedTokens, dialect_named
from fakes.oauth.grants import GRANTS, Asker, Prepared
from fakes.oauth.parameters import UnreadableParameters, base_url, body_parameters
from fakes.oauth.rules import Decision
from fakes.oauth.settings import DialectName, Fault
from fakes.oauth.signins import SignIns
from fakes.oauth.state import OAuthState
from fakes.wire.http import HttpReply, HttpRequest, UnreadableBody, head_reply

_BEFORE = ("error-before-commit", "drop-before-commit")
_AFTER = ("error-after-commit", "drop-after-commit", "delay-after-commit", "truncate-after-commit")


@dataclass(slots=True, kw_only=True, eq=False)
class _Asked:
    """One token request on its way. `committed` is set once the state machine has granted it."""

    exchange: Exchange
    state: OAuthState
    dialect: Dialect
    secret: str
    family: str = ""
    generation: int | None = None
    committed: bool = False

    def answered(self, status: int, decision: Decision) -> None:
        self.exchange.on_lost.clear()
        self.exchange.record(
            TokenAnswered(
                exchange=self.exchange.number,
                status=status,
                decision=decision,
                family=self.family,
                generation=self.generation,
            )
        )

    def lost(self) -> None:
        self.answered(0, "dropped-after-commit" if self.committed else "error-before-commit")

    def refuse(self, reply: HttpReply, decision: Decision) -> None:
        self.answered(reply.status, decision)
        self.exchange.send(reply, "token")


def answer_token(
    exchange: Exchange, request: HttpRequest, state: OAuthState, signins: SignIns, usual: DialectName
) -> None:
    """Answer a token request. `usual` is the dialect of the path, which the settings may override."""
    settings = state.settings
    dialect = dialect_named(settings.dialect or usual, settings.refusal_status)
    exchange.kind = "token"
    try:
        asked, problem = body_parameters(request), ""
    except (UnreadableParameters, UnreadableBody) as error:
        asked, problem = {}, str(error)
    kind = asked.get("grant_type", "")
    prepare = GRANTS.get(kind or "refresh_token")
    asker = Asker(exchange=exchange.number, peer_port=exchange.connection.peer_port, issuer=base_url(request))
    prepared = prepare(asked, state, signins, asker, dialect) if prepare is not None else None
    secret = prepared.secret if prepared is not None else asked.get("refresh_token", "")
    exchange.record(TokenRequested(exchange=exchange.number, grant_type=kind, token=fingerprint(secret)))
    on_its_way = _Asked(exchange=exchange, state=state, dialect=dialect, secret=secret)
    exchange.on_lost.append(on_its_way.lost)
    if prepared is None or problem or not kind:
        problem = problem or (UNSUPPORTED if kind else "grant_type is required.")
        on_its_way.refuse(dialect.refusal("invalid-request", problem), "invalid-request")
        return
    if "client_id" not in asked and request.headers.get("authorization", "").lower().startswith("basic "):
        on_its_way.refuse(dialect.client_refusal(), "invalid-client")
        return
    on_its_way.family, on_its_way.generation = prepared.family, prepared.generation
    exchange.hold(settings.gate_before_commit, partial(_commit, on_its_way, prepared))


def _commit(asked: _Asked, prepared: Prepared) -> None:
    fault = asked.state.take_fault(*_BEFORE)
    if fault is not None:
        _fail_before(asked, fault)
        return
    done = prepared.commit()
    asked.family, asked.generation = done.family or asked.family, done.generation
    if done.tokens is None:
        asked.refuse(prepared.refuse(done.decision, done.detail), done.decision)
        return
    asked.committed = True
    asked.exchange.hold(asked.state.settings.gate_after_commit, partial(_deliver, asked, done.decision, done.tokens))


def _fail_before(asked: _Asked, fault: Fault) -> None:
    if fault.kind == "drop-before-commit":
        asked.answered(0, "error-before-commit")
        asked.exchange.reset()
    else:
        asked.refuse(_failure(asked, fault), "error-before-commit")


def _failure(asked: _Asked, fault: Fault) -> HttpReply:
    reply = asked.dialect.failure(fault.status, also=f" {asked.secret}" if fault.repeats_token else "")
    return replace(reply, headers=(*reply.headers, ("location", fault.location))) if fault.location else reply


def _deliver(asked: _Asked, decision: Decision, tokens: IssuedTokens) -> None:
    reply = asked.dialect.success(tokens)
    fault = asked.state.take_fault(*_AFTER)
    if fault is None:
        asked.answered(reply.status, decision)
        asked.exchange.send(reply, "token")
    else:
        _FAULTS[fault.kind](asked, fault, reply, decision)


def _error(asked: _Asked, fault: Fault, reply: HttpReply, decision: Decision) -> None:
    asked.refuse(_failure(asked, fault), "dropped-after-commit")


def _drop(asked: _Asked, fault: Fault, reply: HttpReply, decision: Decision) -> None:
    asked.answered(0, "dropped-after-commit")
    asked.exchange.reset()


def _delay(asked: _Asked, fault: Fault, reply: HttpReply, decision: Decision) -> None:
    def late() -> None:
        asked.exchange.timer = None
        asked.answered(reply.status, decision)
        asked.exchange.send(reply, "token")

    asked.exchange.timer = asyncio.get_running_loop().call_later(fault.seconds, late)


def _truncate(asked: _Asked, fault: Fault, reply: HttpReply, decision: Decision) -> None:
    exchange = asked.exchange
    asked.answered(reply.status, "dropped-after-commit")
    exchange.status = reply.status
    kept = reply.body[: min(fault.after_bytes, len(reply.body) - 1)]
    exchange.write([Piece(head_reply(reply, exchange.keep_alive, exchange.clock())), Piece(kept)])
    exchange.close("truncated")


_FAULTS: dict[str, Callable[[_Asked, Fault, HttpReply, Decision], None]] = {
    "error-after-commit": _error,
    "drop-after-commit": _drop,
    "delay-after-commit": _delay,
    "truncate-after-commit": _truncate,
}
