"""The OpenAPI 3.1 document of the fakes, made from the tables that find an endpoint, so that none is missing."""

from functools import lru_cache
from typing import Any

from fakes.oauth.server import ENDPOINTS
from fakes.openapi.schemas import ANYTHING, BACKEND_ERROR, ERRORS, OAUTH_REQUESTS, REQUESTS, UNKNOWN_ERROR, Schema
from fakes.providers.codex import BACKEND_PATH
from fakes.routes import EXACT, TEMPLATES, Route
from fakes.wire.sse import to_bytes

_AUTHORIZE = ("response_type", "client_id", "redirect_uri", "code_challenge", "code_challenge_method", "scope", "state")
_STREAM = "text/event-stream"


@lru_cache(maxsize=1)
def document_bytes() -> bytes:
    """The document as JSON."""
    return to_bytes(document())


def document() -> dict[str, Any]:
    """The document. What is said of success is little: the SDKs' own types say it better (see the tests)."""
    paths = {path: _operations(path, route) for path, route in (*EXACT.items(), *TEMPLATES.items())}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Fakes of model providers and of an authorization server", "version": "1"},
        "paths": paths,
    }


def _operations(path: str, route: Route) -> dict[str, Any]:
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    shared: dict[str, Any] = {"parameters": [_parameter(name, "path") for name in names]} if names else {}
    return {**shared, **{method.lower(): _operation(path, route, method) for method in route.methods}}


def _operation(path: str, route: Route, method: str) -> dict[str, Any]:
    kind = ENDPOINTS[path].kind if path in ENDPOINTS else ""
    operation: dict[str, Any] = {"responses": _responses(path, route, kind, method)}
    if method == "POST":
        operation["requestBody"] = _body(route, kind)
    elif kind == "authorize":
        operation["parameters"] = [_parameter(name, "query") for name in _AUTHORIZE]
    elif kind == "page":
        operation["parameters"] = [_parameter("user_code", "query")]
    return operation


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}


def _body(route: Route, kind: str) -> dict[str, Any]:
    asked = OAUTH_REQUESTS[kind] if kind else REQUESTS.get((route.provider, route.endpoint), ANYTHING)
    types = ["application/json", *(["application/x-www-form-urlencoded"] if kind else [])]
    return {"required": True, "content": {type_: {"schema": asked} for type_ in types}}


def _responses(path: str, route: Route, kind: str, method: str) -> dict[str, Any]:
    shapes = [ERRORS.get(route.provider, UNKNOWN_ERROR), UNKNOWN_ERROR]
    refusal: Schema = {"anyOf": [*shapes, BACKEND_ERROR] if path == BACKEND_PATH else shapes}
    good: dict[str, Any] = {"application/json": {"schema": ANYTHING}}
    bad: dict[str, Any] = {"application/json": {"schema": refusal}}
    if kind == "page":
        good = {"text/html": {}}
        bad = {**bad, **good}
    if route.endpoint == "completion":
        good = {**good, _STREAM: {}}
        # A stream of Gemini's that is not server-sent events is one array.
        good["application/json"] = {"schema": {"type": ["object", "array"]}}
    if method == "HEAD":
        good, bad = {}, {}
    answers = {"2XX": {"description": "done", "content": good}, "4XX": {"description": "refused", "content": bad}}
    if kind == "authorize":
        answers = {"302": {"description": "back to the client"}, "4XX": answers["4XX"]}
    return answers
