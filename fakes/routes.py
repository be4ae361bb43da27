"""Which endpoint a request is for. A table and nothing else: no body is read, nothing is answered."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from fakes.events import Provider
from fakes.oauth.server import ENDPOINTS
from fakes.providers.account import ACCOUNT
from fakes.providers.code_assist import PATHS, PREFIX
from fakes.providers.gemini import COUNT, model_and_method
from fakes.providers.models import is_models_path
from fakes.stored import CANCEL, stored_name
from fakes.wire.http import HttpRequest

Endpoint = Literal["completion", "oauth", "models", "count", "stored", "account", "control", "none"]
CONTROL = "/__fakes__/"

_ANTHROPIC_HOSTS = ("api.anthropic.com", "platform.claude.com", "console.anthropic.com")
_GEMINI_HOST = "generativelanguage.googleapis.com"
_CODE_ASSIST_HOST = "cloudcode-pa.googleapis.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An endpoint, the provider it belongs to, and the methods it takes (none for any)."""

    endpoint: Endpoint
    provider: Provider
    methods: tuple[str, ...] = ("POST",)


NOWHERE = Route(endpoint="none", provider="unknown", methods=())
_READ = ("GET", "HEAD")
_MESSAGES = Route(endpoint="completion", provider="anthropic")
_RESPONSES = Route(endpoint="completion", provider="codex")
_STORED = Route(endpoint="stored", provider="codex", methods=("GET", "HEAD", "DELETE"))
_STORED_WORK = Route(endpoint="stored", provider="codex")
_GENERATE = Route(endpoint="completion", provider="gemini")
_ASSIST = Route(endpoint="completion", provider="code-assist")
EXACT: dict[str, Route] = {
    "/v1/messages": _MESSAGES,
    "/v1/messages/count_tokens": Route(endpoint="count", provider="anthropic"),
    "/v1/chat/completions": Route(endpoint="completion", provider="chat"),
    "/v1/responses": _RESPONSES,
    "/v1/responses/input_tokens": Route(endpoint="count", provider="codex"),
    "/backend-api/codex/responses": _RESPONSES,
    **{
        path: Route(endpoint="oauth", provider="oauth", methods=endpoint.methods)
        for path, endpoint in ENDPOINTS.items()
    },
    **dict.fromkeys(PATHS, _ASSIST),
    f"{PREFIX}{COUNT}": Route(endpoint="count", provider="code-assist"),
    **dict.fromkeys(ACCOUNT, Route(endpoint="account", provider="code-assist")),
}
# Paths that name a model, as OpenAPI writes them; `route_of` finds them by their parts.
TEMPLATES: dict[str, Route] = {
    **{
        f"/{version}/models/{{model}}:{method}": _GENERATE
        for version in ("v1", "v1beta")
        for method in ("generateContent", "streamGenerateContent")
    },
    "/v1beta/models/{model}:countTokens": Route(endpoint="count", provider="gemini"),
    "/v1/responses/{response}": _STORED,
    "/v1/responses/{response}/cancel": _STORED_WORK,
    "/v1/models": Route(endpoint="models", provider="codex", methods=_READ),
    "/v1/models/{model}": Route(endpoint="models", provider="codex", methods=_READ),
    "/v1beta/models": Route(endpoint="models", provider="gemini", methods=_READ),
    "/v1beta/models/{model}": Route(endpoint="models", provider="gemini", methods=_READ),
}


def route_of(request: HttpRequest) -> Route:
    """The endpoint of a request; "none" with the likeliest provider when no endpoint has its path."""
    known = EXACT.get(request.path)
    if known is not None:
        return known
    if stored_name(request.path):
        return _STORED_WORK if request.path.endswith(CANCEL) else _STORED
    found = model_and_method(request.path)
    if found is not None:
        return Route(endpoint="count", provider="gemini") if found[1] == COUNT else _GENERATE
    if request.path.startswith(CONTROL):
        return Route(endpoint="control", provider="unknown", methods=())
    provider = _dressed_as(request)
    if is_models_path(request.path, provider):
        return Route(endpoint="models", provider=provider, methods=_READ)
    return Route(endpoint="none", provider=provider, methods=())


def _dressed_as(request: HttpRequest) -> Provider:
    """Whose error and list shapes a request expects where the path alone does not tell."""
    host = request.host.partition(":")[0].lower()
    if host == _CODE_ASSIST_HOST or request.path.startswith(PREFIX):
        return "code-assist"
    if host == _GEMINI_HOST or request.path.startswith("/v1beta/") or _has_google_key(request):
        return "gemini"
    if host in _ANTHROPIC_HOSTS or "anthropic-version" in request.headers or "x-api-key" in request.headers:
        return "anthropic"
    return "codex"


def _has_google_key(request: HttpRequest) -> bool:
    """Whether it has a key as only Google's clients send one: in a header of theirs, or in the query."""
    return "x-goog-api-key" in request.headers or "key" in parse_qs(request.query)
