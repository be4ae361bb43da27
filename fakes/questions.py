"""What clients ask of a provider beside completions: models, token counts, a Code Assist account.

Scripts do not answer these, and no rule is used up by them.
"""

from typing import Any

from fakes.exchange import Exchange
from fakes.providers.account import account
from fakes.providers.base import BadRequest, WireFormat
from fakes.providers.counting import count_tokens
from fakes.providers.models import Catalog, UnknownModel, answer_models
from fakes.routes import Route
from fakes.script import Script, Status
from fakes.wire.http import HttpReply, HttpRequest, UnreadableBody
from fakes.wire.sse import to_bytes


def answer_question(exchange: Exchange, route: Route, request: HttpRequest, form: WireFormat, script: Script) -> None:
    """Answer a request to one of these endpoints, in the provider's shape also when it is refused."""
    try:
        body = _answer(route, request, script)
    except UnknownModel as error:
        status = Status(404, error=error.code, message=error.message)
        exchange.send(form.error(status, exchange=exchange.number), "unknown-model")
    except (BadRequest, UnreadableBody) as error:
        exchange.send(refusal(error, form, exchange.number), "invalid")
    else:
        send_body(exchange, body, form, route.endpoint)


def send_body(exchange: Exchange, body: dict[str, Any], form: WireFormat, kind: str) -> None:
    """Answer with this, as the provider does when all is well."""
    exchange.send(HttpReply(status=200, body=to_bytes(body), headers=form.request_id(exchange.number)), kind)


def refusal(error: BadRequest | UnreadableBody, form: WireFormat, exchange: int) -> HttpReply:
    """How a provider refuses a request that is not valid."""
    if isinstance(error, UnreadableBody):
        return form.error(Status(error.status, message=error.message), exchange=exchange)
    if error.body is not None:
        return HttpReply(status=error.status, body=to_bytes(error.body), headers=form.request_id(exchange))
    return form.error(Status(error.status, error=error.code, message=error.message), error.param, exchange)


def _answer(route: Route, request: HttpRequest, script: Script) -> dict[str, Any]:
    if route.endpoint == "models":
        return answer_models(route.provider, request.path, request.query, Catalog.of(script))
    if route.endpoint == "count":
        return count_tokens(route.provider, request)
    return account(request)
