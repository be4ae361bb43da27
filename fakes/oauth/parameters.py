"""Reads what a client asks for, from a form, a JSON body or a query, and where the client thinks the server is."""

import json
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from fakes.oauth.tokens import ISSUER
from fakes.wire.http import HttpRequest, decoded_body

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_SCOPE_TOKEN = re.compile(r"[!#-\[\]-~]+")
_FIELDS_LIMIT = 100
# Others are not looked at (RFC 6749 section 3.2), whatever their type.
_STRINGS = (
    *("grant_type", "refresh_token", "client_id", "scope", "code", "code_verifier", "redirect_uri"),
    *("device_code", "device_auth_id", "user_code", "token"),
)


class UnreadableParameters(Exception):
    """The request's parameters cannot be read; the message says why."""


def body_parameters(request: HttpRequest) -> dict[str, str]:
    """The parameters of a POST, as a form or as JSON. One without a value counts as left out (RFC 6749 section 3.1).

    Raises:
        UnreadableParameters: they cannot be read, or one is repeated.
        UnreadableBody: the body cannot be decoded.
    """
    body = decoded_body(request)
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared == "application/json" or (not declared and body.lstrip()[:1] == b"{"):
        return _from_json(body)
    try:
        return _once(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_FIELDS_LIMIT))
    except ValueError as error:
        raise UnreadableParameters(f"the form cannot be read: {error}") from None


def query_parameters(request: HttpRequest) -> dict[str, str]:
    """The parameters of a GET.

    Raises:
        UnreadableParameters: they cannot be read, or one is repeated.
    """
    try:
        return _once(parse_qsl(request.query, keep_blank_values=True, max_num_fields=_FIELDS_LIMIT))
    except ValueError as error:
        raise UnreadableParameters(f"the query cannot be read: {error}") from None


def scope_of(parameters: dict[str, str]) -> frozenset[str] | None:
    """The scope that is asked for; None when none is."""
    return frozenset(parameters["scope"].split(" ")) - {""} if "scope" in parameters else None


def is_scope(names: frozenset[str]) -> bool:
    """Whether this can be a scope: one name or more, of the characters that names may have (RFC 6749 section 3.3)."""
    return bool(names) and all(map(_SCOPE_TOKEN.fullmatch, names))


def base_url(request: HttpRequest) -> str:
    """The server's own address as this client wrote it, which is what it knows the issuer by (RFC 8414 section 2)."""
    if _HOST.fullmatch(request.host) is None:
        return ISSUER
    return f"{'https' if request.secure else 'http'}://{request.host}"


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise UnreadableParameters(f"{name} is given more than once.")
        found[name] = value
    return {name: value for name, value in found.items() if value}


def _from_json(body: bytes) -> dict[str, str]:
    try:
        data = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UnreadableParameters(f"the body is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise UnreadableParameters("the body must be a JSON object.")
    for name in _STRINGS:
        if not isinstance(data.get(name), str | None):
            raise UnreadableParameters(f"{name} must be a string.")
    return {name: value for name, value in data.items() if value and isinstance(value, str)}
