"""Model lists, GET …/models, in each provider's shape: the models that the script names."""

from typing import Any

from fakes.events import Provider

_CREATED = 1_735_689_600


def model_list(provider: Provider, path: str, names: list[str]) -> dict[str, Any]:
    """The list of these models as `provider` words it."""
    if provider == "anthropic":
        data = [_anthropic(name) for name in names]
        ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
        return {"data": data, "has_more": False, **ends}
    if provider == "gemini":
        return {"models": [_gemini(name) for name in names]}
    if path.startswith("/backend-api/"):
        return {"models": []}
    data = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "fakes"} for name in names]
    return {"object": "list", "data": data}


def _anthropic(name: str) -> dict[str, Any]:
    created = {"created_at": "2025-01-01T00:00:00Z", "lifecycle": "active"}
    return {"type": "model", "id": name, "display_name": name, **created}


def _gemini(name: str) -> dict[str, Any]:
    methods = ["generateContent", "streamGenerateContent"]
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}
