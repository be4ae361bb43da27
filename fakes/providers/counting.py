"""Token counting: what a provider says a request would cost, without an answer. The same checks as for an answer."""

from typing import Any

from fakes.events import Provider
from fakes.providers import anthropic_request, gemini_request, responses_request
from fakes.providers.base import BadRequest, json_object, tokens
from fakes.wire.http import HttpRequest


def count_tokens(provider: Provider, request: HttpRequest) -> dict[str, Any]:
    """The answer of a provider's counting endpoint.

    Raises:
        BadRequest: the provider would answer 400.
        UnreadableBody: the body cannot be decoded.
    """
    body, size = json_object(request), tokens(len(request.body))
    if provider == "anthropic":
        anthropic_request.read(body, required=("model", "messages"))
        return {"input_tokens": size}
    if provider == "codex":
        responses_request.read(body)
        return {"object": "response.input_tokens", "input_tokens": size}
    _read_gemini(provider, body)
    details = [{"modality": "TEXT", "tokenCount": size}]
    return {"totalTokens": size, **({"promptTokensDetails": details} if provider == "gemini" else {})}


def _read_gemini(provider: Provider, body: dict[str, Any]) -> None:
    """Bare contents, or a whole request under one name; Code Assist knows the latter only."""
    fields = gemini_request.snake(body)
    name = "request" if provider == "code-assist" else "generate_content_request"
    inner = fields.get(name)
    if inner is None and provider == "gemini":
        gemini_request.read(body)
        return
    if not isinstance(inner, dict):
        raise gemini_request.wrong_type(name, "TYPE_MESSAGE", inner)
    if provider == "gemini" and fields.get("contents"):
        raise BadRequest("Only one of contents and generate_content_request may be set.", "contents")
    gemini_request.read(inner, name)
