"""The HTTP face of the authorization server: token, revocation and introspection endpoints.

It reads requests, passes them through gates and faults, and words the answer. All decisions are the state
machine's; a grant is committed in one step between its two gates.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qsl

from fakes.events import TokenAnswered, TokenRequested, fingerprint
from fakes.exchange import Exchange
from fakes.oauth.dialects import DIALECTS, Dialect, IssuedTokens
from fakes.oauth.rules import Decision, Grant
from fakes.oauth.settings import DialectName, Fault
from fakes.oauth.state import OAuthState
from fakes.wire.http import HttpReply, HttpRequest, UnreadableBody, decoded_body, whole_reply
from fakes.wire.sse import to_bytes


class _Unreadable(Exception):
    """The request's parameters cannot be read; the message says why."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Asked:
    """One token request on its way. `decision` is set once the state machine has decided."""

    exchange: Exchange
    state: OAuthState
    dialect: Dialect
    grant: Grant
    family: str
    generation: int | None
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


def answer_token(exchange: Exchange, request: HttpRequest, state: OAuthState, usual: DialectName) -> None:
    """Answer POST /oauth/token. `usual` is the dialect of the path, which the settings may override."""
    dialect = DIALECTS[state.settings.dialect or usual]
    exchange.kind = "token"
    try:
        fields = _parameters(request)
        problem = ""
    except (_Unreadable, UnreadableBody) as error:
        fields, problem = {}, str(error)
    token = fields.get("refresh_token", "")
    family, generation = state.family_of(token)
    scope = fields.get("scope")
    asked = _Asked(
        exchange=exchange,
        state=state,
        dialect=dialect,
        grant=Grant(
            refresh_token=token,
            client_id=fields.get("client_id", ""),
            scope=None if scope is None else frozenset(scope.split()),
        ),
        family=family,
        generation=generation,
    )
    grant_type = fields.get("grant_type", "")
    exchange.record(TokenRequested(exchange=exchange.number, grant_type=grant_type, token=fingerprint(token)))
    if not problem and grant_type not in ("", "refresh_token"):
        problem = "unsupported_grant_type"
    elif not problem and not grant_type:
        problem = "grant_type is required."
    exchange.on_lost.append(asked.lost)
    if problem:
        _refuse(asked, "invalid-request", problem)
    else:
        exchange.hold(state.settings.gate_before_commit, partial(_commit, asked))


def _commit(asked: _Asked) -> None:
    fault = asked.state.take_fault("error-before-commit")
    if fault is not None:
        asked.answered(fault.status, "error-before-commit")
        asked.exchange.send(asked.dialect.failure(fault.status), "token")
        return
    decided, tokens = asked.state.redeem(asked.grant)
    if decided.issued is None or tokens is None:
        _refuse(asked, decided.decision, _missing(asked.grant))
        return
    asked.committed = True
    asked.generation = decided.issued.generation
    deliver = partial(_deliver, asked, decided.decision, tokens)
    asked.exchange.hold(asked.state.settings.gate_after_commit, deliver)


def _missing(grant: Grant) -> str:
    names = [name for name in ("refresh_token", "client_id") if not getattr(grant, name)]
    return f"{' and '.join(names)} required." if names else ""


def _refuse(asked: _Asked, decision: Decision, detail: str) -> None:
    reply = asked.dialect.refusal(decision, detail)
    asked.answered(reply.status, decision)
    asked.exchange.send(reply, "token")


def _deliver(asked: _Asked, decision: Decision, tokens: IssuedTokens) -> None:
    reply = asked.dialect.success(tokens)
    kinds = ("drop-after-commit", "error-after-commit", "truncate-after-commit")
    fault = asked.state.take_fault(*kinds)
    if fault is not None:
        _lose(asked, fault, reply)
        return
    asked.answered(reply.status, decision)
    asked.exchange.send(reply, "token")


def _lose(asked: _Asked, fault: Fault, reply: HttpReply) -> None:
    exchange = asked.exchange
    if fault.kind == "error-after-commit":
        asked.answered(fault.status, "dropped-after-commit")
        exchange.send(asked.dialect.failure(fault.status), "token")
    elif fault.kind == "drop-after-commit":
        asked.answered(0, "dropped-after-commit")
        exchange.reset()
    else:
        asked.answered(reply.status, "dropped-after-commit")
        exchange.status = reply.status
        whole = whole_reply(reply, exchange.keep_alive)
        # Cut in the middle of the JSON: the head has gone out, no token of the body is complete.
        exchange.write(whole[: len(whole) - len(reply.body) + 16], 0)
        exchange.close("truncated")


def answer_revoke(exchange: Exchange, request: HttpRequest, state: OAuthState) -> None:
    """Answer POST …/revoke: always 200 for a readable request (RFC 7009 section 2.2)."""

    def revoke(token: str) -> dict[str, object]:
        state.revoke(token)
        return {}

    _with_token(exchange, request, "revoke", revoke)


def answer_introspect(exchange: Exchange, request: HttpRequest, state: OAuthState) -> None:
    """Answer POST …/introspect (RFC 7662 section 2)."""
    _with_token(exchange, request, "introspect", state.introspect)


def _with_token(
    exchange: Exchange, request: HttpRequest, kind: str, act: Callable[[str], Mapping[str, object]]
) -> None:
    try:
        token = _parameters(request).get("token", "")
        problem = "" if token else "token is required."
    except (_Unreadable, UnreadableBody) as error:
        token, problem = "", str(error)
    if problem:
        exchange.send(DIALECTS["rfc6749"].refusal("invalid-request", problem), kind)
    else:
        exchange.send(HttpReply(status=200, body=to_bytes(act(token))), kind)


def _parameters(request: HttpRequest) -> dict[str, str]:
    body = decoded_body(request)
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared == "application/json" or (not declared and body.lstrip()[:1] == b"{"):
        return _json_parameters(body)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise _Unreadable(f"the form cannot be read: {error}") from None
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise _Unreadable(f"{name} is given more than once.")
    return dict(pairs)


def _json_parameters(body: bytes) -> dict[str, str]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Unreadable(f"the body is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise _Unreadable("the body must be a JSON object.")
    for name, value in data.items():
        if value is not None and not isinstance(value, str) and name in ("refresh_token", "client_id", "scope"):
            raise _Unreadable(f"{name} must be a string.")
    return {name: value for name, value in data.items() if isinstance(value, str)}
