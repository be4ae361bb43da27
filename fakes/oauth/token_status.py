"""Revocation (RFC 7009) and introspection (RFC 7662) of a token that somebody holds."""

from collections.abc import Callable, Mapping

from fakes.exchange import Exchange
from fakes.oauth.dialects import NO_STORE, flat
from fakes.oauth.parameters import UnreadableParameters, body_parameters
from fakes.oauth.state import OAuthState
from fakes.wire.http import HttpReply, HttpRequest, UnreadableBody
from fakes.wire.sse import to_bytes


def answer_revoke(exchange: Exchange, request: HttpRequest, state: OAuthState) -> None:
    """Answer a revocation: always 200 for a readable request (RFC 7009 section 2.2)."""

    def revoke(asked: Mapping[str, str]) -> dict[str, object]:
        state.revoke(asked["token"], asked.get("client_id", ""))
        return {}

    _with_token(exchange, request, "revoke", revoke)


def answer_introspect(exchange: Exchange, request: HttpRequest, state: OAuthState) -> None:
    """Answer an introspection (RFC 7662 section 2). Anyone may ask, as there are no resource servers to know."""
    _with_token(exchange, request, "introspect", lambda asked: state.introspect(asked["token"]))


def _with_token(
    exchange: Exchange, request: HttpRequest, kind: str, act: Callable[[Mapping[str, str]], Mapping[str, object]]
) -> None:
    try:
        asked = body_parameters(request)
        problem = "" if asked.get("token") else "token is required."
    except (UnreadableParameters, UnreadableBody) as error:
        asked, problem = {}, str(error)
    if problem:
        exchange.send(flat("invalid_request", problem), kind)
    else:
        exchange.send(HttpReply(status=200, body=to_bytes(act(asked)), headers=NO_STORE), kind)
