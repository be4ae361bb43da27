"""The authorization endpoint: sends the browser back with a code, at once (RFC 6749 section 4.1, PKCE by RFC 7636).

Nobody types a password: the settings say who consents. A request that names no known client or no allowed redirect is
answered here and never redirected (RFC 6749 section 4.1.2.1).
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from fakes.exchange import Exchange
from fakes.oauth.codes import is_challenge
from fakes.oauth.dialects import MALFORMED_SCOPE, NO_STORE, flat
from fakes.oauth.parameters import UnreadableParameters, base_url, is_scope, query_parameters, scope_of
from fakes.oauth.signins import SignIns
from fakes.oauth.state import DEFAULT_SCOPE, OAuthState
from fakes.wire.http import HttpReply, HttpRequest

_PRINTABLE = re.compile(r"[!-~]+")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Refused(Exception):
    """The request is refused with this error code, at the client's redirect."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def answer_authorize(exchange: Exchange, request: HttpRequest, state: OAuthState, signins: SignIns) -> None:
    """Answer GET …/authorize with a redirect, or with 400 when there is nowhere to redirect to."""
    try:
        asked = query_parameters(request)
        problem = _nowhere(asked, state)
    except UnreadableParameters as error:
        problem = str(error)
    if problem:
        exchange.send(flat("invalid_request", problem), "authorize")
        return
    issuer = base_url(request)
    try:
        answer = {"code": _code(asked, state, signins)}
    except _Refused as refused:
        answer = {"error": refused.error, "error_description": refused.description}
    if "state" in asked:
        answer["state"] = asked["state"]
    location = _with_query(asked["redirect_uri"], {**answer, "iss": issuer})  # `iss`: RFC 9207
    exchange.send(HttpReply(status=302, body=b"", headers=(("location", location), *NO_STORE)), "authorize")


def _nowhere(asked: Mapping[str, str], state: OAuthState) -> str:
    """Why the browser cannot be sent anywhere; "" when it can."""
    if problem := state.client_problem(asked.get("client_id", "")):
        return problem
    if not _allowed(asked.get("redirect_uri", ""), state.settings.redirect_uris):
        how = "python -m fakes --redirect-uri, or OAuthSettings.redirect_uris, registers one"
        return f"redirect_uri is missing, or neither on loopback nor registered; {how}."
    return ""


def _allowed(uri: str, registered: tuple[str, ...]) -> bool:
    if uri in registered:
        return True
    if _PRINTABLE.fullmatch(uri) is None:
        return False
    try:
        parts = urlsplit(uri)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = "#" not in uri and parts.username is None and parts.password is None
    return plain and port_is_good and parts.scheme == "http" and parts.hostname in _LOOPBACK


def _code(asked: Mapping[str, str], state: OAuthState, signins: SignIns) -> str:
    if asked.get("response_type") != "code":
        given = "unsupported_response_type" if "response_type" in asked else "invalid_request"
        raise _Refused(given, "response_type must be code.")
    if asked.get("response_mode", "query") != "query":
        raise _Refused("invalid_request", "response_mode must be query.")
    if asked.get("code_challenge_method", "plain") != "S256":
        raise _Refused("invalid_request", "code_challenge_method must be S256.")
    if not is_challenge(asked.get("code_challenge", "")):
        raise _Refused("invalid_request", "code_challenge must be a SHA-256 in base64url.")
    scope = scope_of(dict(asked))
    if scope is not None and not is_scope(scope):
        raise _Refused("invalid_scope", MALFORMED_SCOPE)
    if state.settings.consent == "deny":
        raise _Refused("access_denied", "The user has refused.")
    return signins.code(
        client_id=asked["client_id"],
        redirect_uri=asked["redirect_uri"],
        challenge=asked["code_challenge"],
        scope=scope if scope is not None else DEFAULT_SCOPE,
        nonce=asked.get("nonce", ""),
    )


def _with_query(uri: str, more: Mapping[str, str]) -> str:
    parts = urlsplit(uri)
    query = urlencode(more, quote_via=quote)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))
