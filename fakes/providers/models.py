"""Model lists and single models, GET …/models and …/models/ID, each provider's in its own shape and pages.

The models are those that the script names. Where a script answers whatever model is asked for, any model exists,
though the list cannot name it.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from fakes.events import Provider
from fakes.providers.base import BadRequest
from fakes.script import Script

_CREATED = 1_735_689_600
_ROOTS = ("/v1/models", "/v1beta/models", "/backend-api/codex/models")


class UnknownModel(Exception):
    """There is no such model: the provider would answer 404 with this message and code."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The models of a script: their names, and whether any other name is a model too."""

    names: tuple[str, ...]
    open: bool

    @classmethod
    def of(cls, script: Script) -> "Catalog":
        """The models that a script's rules name, "fake-model" when they name none."""
        wanted = [rule.match.model for rule in script.rules]
        names = tuple(sorted({name for name in wanted if name})) or ("fake-model",)
        return cls(names=names, open=not script.strict or None in wanted)


def is_models_path(path: str, provider: Provider) -> bool:
    """Whether it is the path of a list of models or of one model.

    After a colon Gemini has a method's name, and after another slash something that a model has.
    """
    root = next((root for root in _ROOTS if path == root or path.startswith(root + "/")), None)
    if root is None or path == root + "/":
        return False
    name = unquote(path.removeprefix(root + "/"))
    return not ((provider == "gemini" or root == "/v1beta/models") and path != root and (":" in name or "/" in name))


def answer_models(provider: Provider, path: str, query: str, catalog: Catalog) -> dict[str, Any]:
    """The list, or the one model whose identifier ends the path.

    Raises:
        BadRequest: a page is asked for that cannot be.
        UnknownModel: there is no such model.
    """
    root = next(root for root in _ROOTS if path == root or path.startswith(root + "/"))
    asked = parse_qs(query, keep_blank_values=True)
    name = unquote(path.removeprefix(root).removeprefix("/"))
    if name:
        return _one(provider, name, catalog)
    if provider == "anthropic":
        return _anthropic_page(list(catalog.names), asked)
    if provider == "gemini":
        return _gemini_page(list(catalog.names), asked)
    if path.startswith("/backend-api/") or "client_version" in asked:  # by which codex asks for descriptions of its own
        return {"models": []}
    return {"object": "list", "data": [_openai(name) for name in catalog.names]}


def _one(provider: Provider, name: str, catalog: Catalog) -> dict[str, Any]:
    known = catalog.open or name in catalog.names
    if provider == "anthropic":
        if not known:
            raise UnknownModel(f"model: {name}")
        return _anthropic(name)
    if provider == "gemini":
        if not known:
            words = "is not found for API version v1beta, or is not supported for generateContent."
            hint = "Call ListModels to see the list of available models and their supported methods."
            raise UnknownModel(f"models/{name} {words} {hint}")
        return _gemini(name)
    if not known:
        raise UnknownModel(f"The model '{name}' does not exist or you do not have access to it.", "model_not_found")
    return _openai(name)


def _is_number(text: str, *, digits: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= digits


def _number(asked: dict[str, list[str]], name: str, usual: int, words: str) -> int:
    text = asked.get(name, [str(usual)])[-1]
    if not _is_number(text, digits=4) or not 1 <= int(text) <= 1000:
        raise BadRequest(words, name)
    return int(text)


def _place(asked: dict[str, list[str]], name: str, names: list[str]) -> int | None:
    given = asked.get(name, [""])[-1]
    if given and given not in names:
        raise BadRequest(f"{name}: no model has the identifier '{given}'", name)
    return names.index(given) if given else None


def _anthropic_page(names: list[str], asked: dict[str, list[str]]) -> dict[str, Any]:
    words = "limit: Input should be a valid integer, greater than or equal to 1, less than or equal to 1000"
    limit = _number(asked, "limit", 20, words)
    after, before = _place(asked, "after_id", names), _place(asked, "before_id", names)
    if before is not None:
        rest = names[:before]
        page, more = rest[-limit:], len(rest) > limit
    else:
        rest = names if after is None else names[after + 1 :]
        page, more = rest[:limit], len(rest) > limit
    ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
    return {"data": [_anthropic(name) for name in page], "has_more": more, **ends}


def _gemini_page(names: list[str], asked: dict[str, list[str]]) -> dict[str, Any]:
    size = _number(asked, "pageSize", 50, "* ListModelsRequest.page_size: page_size must be in the range [1, 1000].\n")
    token = asked.get("pageToken", ["0"])[-1] or "0"
    if not _is_number(token, digits=9) or int(token) >= max(1, len(names)):
        raise BadRequest("* ListModelsRequest.page_token: page token is invalid.\n", "page_token")
    end = int(token) + size
    page = {"models": [_gemini(name) for name in names[int(token) : end]]}
    return {**page, "nextPageToken": str(end)} if end < len(names) else page


def _openai(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "fakes"}


def _anthropic(name: str) -> dict[str, Any]:
    created = {"created_at": "2025-01-01T00:00:00Z", "lifecycle": "active"}
    return {"type": "model", "id": name, "display_name": name, **created}


def _gemini(name: str) -> dict[str, Any]:
    methods = ["generateContent", "streamGenerateContent", "countTokens"]
    limits = {"inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536}
    described = {"displayName": name, "description": "A model of the fakes."}
    return {"name": f"models/{name}", "version": "001", **described, **limits, "supportedGenerationMethods": methods}
