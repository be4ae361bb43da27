"""What the server says of itself: discovery (RFC 8414, OpenID Connect Discovery) and its keys (RFC 7517)."""

from fakes.exchange import Exchange
from fakes.oauth.grants import GRANTS
from fakes.oauth.parameters import base_url
from fakes.oauth.state import DEFAULT_SCOPE, OAuthState
from fakes.wire.http import HttpReply, HttpRequest
from fakes.wire.sse import to_bytes

JWKS_PATH = "/.well-known/jwks.json"


def answer_discovery(exchange: Exchange, request: HttpRequest, state: OAuthState) -> None:
    """Answer GET /.well-known/oauth-authorization-server and openid-configuration, which are one document here.

    The issuer is the address that the client asked, as RFC 8414 section 3.3 wants it. The token endpoint that is named
    speaks the RFC's own dialect.
    """
    exchange.send(HttpReply(status=200, body=to_bytes(_document(base_url(request), state))), "discovery")


def answer_jwks(exchange: Exchange, state: OAuthState) -> None:
    """Answer GET /.well-known/jwks.json."""
    exchange.send(HttpReply(status=200, body=to_bytes(state.minter.key.jwks())), "jwks")


def _document(issuer: str, state: OAuthState) -> dict[str, object]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/token",
        "device_authorization_endpoint": f"{issuer}/device/code",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "jwks_uri": f"{issuer}{JWKS_PATH}",
        "scopes_supported": sorted(DEFAULT_SCOPE),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "introspection_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [state.settings.algorithm],
    }
