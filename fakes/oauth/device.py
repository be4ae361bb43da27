"""Signing in a device: RFC 8628's endpoint, the page for its user, and Codex's own protocol.

Codex (codex-rs/login/src/device_code_auth.rs) asks …/deviceauth/usercode for a code to show, polls …/deviceauth/token
until it stops answering 403, and then exchanges the authorization code that it got, with a PKCE pair of the server's.
"""

from collections.abc import Mapping
from html import escape
from math import ceil

from fakes.exchange import Exchange
from fakes.oauth.dialects import MALFORMED_SCOPE, NO_STORE, OpenAI, device_refusal, flat
from fakes.oauth.parameters import UnreadableParameters, base_url, body_parameters, is_scope, query_parameters, scope_of
from fakes.oauth.signins import SignIns
from fakes.oauth.state import DEFAULT_SCOPE, OAuthState
from fakes.wire.http import HttpReply, HttpRequest, UnreadableBody
from fakes.wire.sse import to_bytes

VERIFICATION_PATH = "/device"
_PAGE = """<!doctype html><title>Sign in a device</title><p>{said}</p><form method="post" action="/device">
<label>Code <input name="user_code" value="{code}"></label>
<button name="decision" value="approve">Approve</button> <button name="decision" value="deny">Deny</button></form>
"""


def answer_device(exchange: Exchange, request: HttpRequest, state: OAuthState, signins: SignIns) -> None:
    """Answer POST …/device/code (RFC 8628 section 3.2)."""
    asked, problem = _body(request)
    problem = problem or state.client_problem(asked.get("client_id", ""))
    if problem:
        exchange.send(flat("invalid_request", problem), "device")
        return
    scope = scope_of(asked)
    if scope is not None and not is_scope(scope):
        exchange.send(flat("invalid_scope", MALFORMED_SCOPE), "device")
        return
    device = signins.device(asked["client_id"], DEFAULT_SCOPE if scope is None else scope)
    page = base_url(request) + VERIFICATION_PATH
    said = {
        "device_code": device.device_code,
        "user_code": device.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={device.user_code}",
        "expires_in": int(state.settings.device_ttl),
        "interval": ceil(device.interval),
    }
    exchange.send(_good(said), "device")


def answer_page(exchange: Exchange, request: HttpRequest, signins: SignIns) -> None:
    """Answer the page where the user decides: GET shows the form, POST takes the decision, approve if none."""
    try:
        asked = query_parameters(request) if request.method != "POST" else body_parameters(request)
    except (UnreadableParameters, UnreadableBody) as error:
        _show(exchange, 400, str(error), "")
        return
    code = asked.get("user_code", "")
    if request.method != "POST":
        _show(exchange, 200, "Is this the code that your device shows?", code)
    elif asked.get("decision", "approve") not in ("approve", "deny"):
        _show(exchange, 400, "The decision is approve or deny.", code)
    elif signins.decide(code, approve=asked.get("decision") != "deny"):
        _show(exchange, 200, "Done. You may close this page.", "")
    else:
        _show(exchange, 400, "No device waits for this code.", code)


def answer_codex_usercode(exchange: Exchange, request: HttpRequest, state: OAuthState, signins: SignIns) -> None:
    """Answer POST /api/accounts/deviceauth/usercode. The interval is a string there."""
    asked, problem = _body(request)
    problem = problem or state.client_problem(asked.get("client_id", ""))
    if problem:
        exchange.send(OpenAI().code_refusal("invalid-request", problem), "device")
        return
    device = signins.device(asked["client_id"], DEFAULT_SCOPE)
    said = {
        "device_auth_id": device.device_code,
        "user_code": device.user_code,
        "interval": str(ceil(device.interval)),
    }
    exchange.send(_good(said), "device")


def answer_codex_poll(exchange: Exchange, request: HttpRequest, signins: SignIns) -> None:
    """Answer POST /api/accounts/deviceauth/token: 403 until the user has decided."""
    asked, problem = _body(request)
    callback = f"{base_url(request)}/deviceauth/callback"
    identity, code = asked.get("device_auth_id", ""), asked.get("user_code", "")
    if problem or not (identity and code):
        detail = problem or "device_auth_id and user_code are required."
        exchange.send(OpenAI().code_refusal("invalid-request", detail), "device")
        return
    decision, handed = signins.hand_code(identity, code, callback)
    if handed is None:
        refusal = device_refusal(decision, "")
        status = 403 if decision == "pending" else 400
        exchange.send(HttpReply(status=status, body=refusal.body, headers=NO_STORE), "device")
        return
    said = {
        "authorization_code": handed.code,
        "code_challenge": handed.challenge,
        "code_verifier": handed.verifier,
    }
    exchange.send(_good(said), "device")


def _body(request: HttpRequest) -> tuple[dict[str, str], str]:
    try:
        return body_parameters(request), ""
    except (UnreadableParameters, UnreadableBody) as error:
        return {}, str(error)


def _good(said: Mapping[str, object]) -> HttpReply:
    return HttpReply(status=200, body=to_bytes(said), headers=NO_STORE)


def _show(exchange: Exchange, status: int, said: str, code: str) -> None:
    page = _PAGE.format(said=escape(said), code=escape(code)).encode("utf-8", "replace")
    reply = HttpReply(status=status, body=page, headers=NO_STORE, content_type="text/html; charset=utf-8")
    exchange.send(reply, "device")
