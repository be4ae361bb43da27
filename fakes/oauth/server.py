"""The authorization server's endpoints by path, and whose file answers each. It reads no request itself."""

from dataclasses import dataclass, replace
from typing import Literal

from fakes.exchange import Exchange
from fakes.oauth.authorize import answer_authorize
from fakes.oauth.device import VERIFICATION_PATH, answer_codex_poll, answer_codex_usercode, answer_device, answer_page
from fakes.oauth.dialects import OpenAI, dialect_named, flat
from fakes.oauth.metadata import JWKS_PATH, answer_discovery, answer_jwks
from fakes.oauth.settings import DialectName
from fakes.oauth.signins import SignIns
from fakes.oauth.state import OAuthState
from fakes.oauth.token import answer_token
from fakes.oauth.token_status import answer_introspect, answer_revoke
from fakes.wire.http import Headers, HttpReply, HttpRequest

Kind = Literal[
    "token",
    "revoke",
    "introspect",
    "authorize",
    "device",
    "page",
    "codex-usercode",
    "codex-poll",
    "discovery",
    "jwks",
]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a path is for, the methods it takes, and the dialect that is usual there."""

    kind: Kind
    methods: tuple[str, ...]
    dialect: DialectName = "openai"


_READ, _WRITE = ("GET", "HEAD"), ("POST",)
ENDPOINTS: dict[str, Endpoint] = {
    "/oauth/token": Endpoint("token", _WRITE),
    "/v1/oauth/token": Endpoint("token", _WRITE, "anthropic"),
    "/token": Endpoint("token", _WRITE, "rfc6749"),
    **dict.fromkeys(("/oauth/revoke", "/v1/oauth/revoke", "/revoke"), Endpoint("revoke", _WRITE)),
    **dict.fromkeys(("/oauth/introspect", "/v1/oauth/introspect", "/introspect"), Endpoint("introspect", _WRITE)),
    **dict.fromkeys(("/oauth/authorize", "/authorize"), Endpoint("authorize", _READ)),
    **dict.fromkeys(("/device/code", "/oauth/device/code"), Endpoint("device", _WRITE)),
    **dict.fromkeys((VERIFICATION_PATH, "/codex/device"), Endpoint("page", (*_READ, *_WRITE))),
    "/api/accounts/deviceauth/usercode": Endpoint("codex-usercode", _WRITE),
    "/api/accounts/deviceauth/token": Endpoint("codex-poll", _WRITE),
    "/.well-known/oauth-authorization-server": Endpoint("discovery", _READ),
    "/.well-known/openid-configuration": Endpoint("discovery", _READ),
    JWKS_PATH: Endpoint("jwks", _READ),
}


class AuthorizationServer:
    """Answers the authorization server's paths."""

    def __init__(self, state: OAuthState, signins: SignIns) -> None:
        self._state = state
        self._signins = signins

    def answer(self, exchange: Exchange, request: HttpRequest) -> None:
        """Answer a request whose path is one of ENDPOINTS and whose method it takes."""
        endpoint = ENDPOINTS[request.path]
        state, signins = self._state, self._signins
        match endpoint.kind:
            case "token":
                answer_token(exchange, request, state, signins, endpoint.dialect)
            case "revoke":
                answer_revoke(exchange, request, state)
            case "introspect":
                answer_introspect(exchange, request, state)
            case "authorize":
                answer_authorize(exchange, request, state, signins)
            case "device":
                answer_device(exchange, request, state, signins)
            case "page":
                answer_page(exchange, request, signins)
            case "codex-usercode":
                answer_codex_usercode(exchange, request, state, signins)
            case "codex-poll":
                answer_codex_poll(exchange, request, signins)
            case "discovery":
                answer_discovery(exchange, request, state)
            case "jwks":
                answer_jwks(exchange, state)

    def refusal(self, path: str, status: int, message: str, headers: Headers = ()) -> HttpReply:
        """How the endpoint of this path words that something is no request for it, whatever it asks."""
        endpoint, settings = ENDPOINTS[path], self._state.settings
        if endpoint.kind == "token":
            dialect = dialect_named(settings.dialect or endpoint.dialect, settings.refusal_status)
            reply = dialect.refusal("invalid-request", message)
        elif endpoint.kind in ("codex-usercode", "codex-poll"):
            reply = OpenAI().code_refusal("invalid-request", message)
        else:
            reply = flat("invalid_request", message)
        return replace(reply, status=status, headers=(*reply.headers, *headers))
