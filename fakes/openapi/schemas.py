"""JSON Schemas of the bodies: as much of each request as is validated, and each provider's shape of an error."""

from typing import Any

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 1}
_NULLABLE: Schema = {"type": ["string", "null"]}
ANYTHING: Schema = {"type": "object"}


def record(required: tuple[str, ...], **properties: Schema) -> Schema:
    """An object with these properties, any others besides, and the named ones required."""
    return {"type": "object", "properties": properties, "required": list(required)}


def _listed(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


_MESSAGES = _listed(record(("role", "content"), role=_one_of("user", "assistant"), content=_STRING))
_CONTENTS = _listed(record(("parts",), role=_one_of("user", "model"), parts=_listed(record(("text",), text=_STRING))))
_GENERATE = record(("contents",), contents=_CONTENTS)

# By provider and whether it is a completion or a count of tokens.
REQUESTS: dict[tuple[str, str], Schema] = {
    ("anthropic", "completion"): record(
        ("model", "max_tokens", "messages"), model=_STRING, max_tokens=_COUNT, messages=_MESSAGES, stream=_BOOLEAN
    ),
    ("anthropic", "count"): record(("model", "messages"), model=_STRING, messages=_MESSAGES),
    ("chat", "completion"): record(("model", "messages"), model=_STRING, messages=_MESSAGES, stream=_BOOLEAN),
    ("codex", "completion"): record(("model", "input"), model=_STRING, input=_STRING, stream=_BOOLEAN, store=_BOOLEAN),
    ("codex", "count"): record(("model", "input"), model=_STRING, input=_STRING),
    ("gemini", "completion"): _GENERATE,
    ("gemini", "count"): _GENERATE,
    ("code-assist", "completion"): record(("model", "request"), model=_STRING, project=_STRING, request=_GENERATE),
    ("code-assist", "count"): record(("request",), request=_GENERATE),
    ("code-assist", "account"): record((), metadata=ANYTHING, cloudaicompanionProject=_STRING),
}

OAUTH_REQUESTS: dict[str, Schema] = {
    "token": record(
        ("grant_type", "client_id"),
        grant_type=_one_of(
            "refresh_token", "authorization_code", "urn:ietf:params:oauth:grant-type:device_code", "password"
        ),
        client_id=_STRING,
        refresh_token=_STRING,
        scope=_STRING,
        code=_STRING,
        code_verifier=_STRING,
        redirect_uri=_STRING,
        device_code=_STRING,
    ),
    "revoke": record(("token",), token=_STRING, token_type_hint=_STRING, client_id=_STRING),
    "introspect": record(("token",), token=_STRING, token_type_hint=_STRING),
    "device": record(("client_id",), client_id=_STRING, scope=_STRING),
    "page": record(("user_code",), user_code=_STRING, decision=_one_of("approve", "deny")),
    "codex-usercode": record(("client_id",), client_id=_STRING),
    "codex-poll": record(("device_auth_id", "user_code"), device_auth_id=_STRING, user_code=_STRING),
}

_GOOGLE_ERROR = record(
    ("error",),
    error=record(("code", "message", "status"), code={"type": "integer"}, message=_STRING, status=_STRING),
)
_OPENAI_ERROR = record(
    ("error",),
    error=record(
        ("message", "type", "param", "code"), message=_STRING, type=_NULLABLE, param=_NULLABLE, code=_NULLABLE
    ),
)
_FLAT_ERROR = record(("error", "error_description"), error=_STRING, error_description=_STRING)

ERRORS: dict[str, Schema] = {
    "anthropic": record(
        ("type", "error", "request_id"),
        type={"const": "error"},
        error=record(("type", "message"), type=_STRING, message=_STRING),
        request_id=_STRING,
    ),
    "chat": _OPENAI_ERROR,
    "codex": _OPENAI_ERROR,
    "gemini": {"anyOf": [_GOOGLE_ERROR, _listed(_GOOGLE_ERROR)]},
    "code-assist": {"anyOf": [_GOOGLE_ERROR, _listed(_GOOGLE_ERROR)]},
    "oauth": {"anyOf": [_FLAT_ERROR, _OPENAI_ERROR]},
}
# The ChatGPT backend's own, for what it does not like about a request.
BACKEND_ERROR = record(("detail",), detail=_STRING)
# Where nothing of a request tells whose it is, it is answered as OpenAI would.
UNKNOWN_ERROR = _OPENAI_ERROR
