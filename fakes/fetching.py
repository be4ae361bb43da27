"""Answers the requests of a client that comes back for a stored response: to fetch, delete or cancel it."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from fakes.exchange import Exchange
from fakes.providers.base import BadRequest, WireFormat
from fakes.questions import refusal, send_body
from fakes.stored import NotStored, StoredResponses, stored_name
from fakes.wire.http import HttpReply, HttpRequest
from fakes.wire.sse import CONTENT_TYPE

_KIND = "stored"


def answer_stored(exchange: Exchange, request: HttpRequest, form: WireFormat, stored: StoredResponses) -> None:
    """Answer at once, but a stream of what is still worked out: that comes when it is over."""
    name = stored_name(request.path)
    asked = parse_qs(request.query)
    try:
        if request.method in ("GET", "HEAD") and asked.get("stream", [""])[-1] == "true":
            after = _number(asked.get("starting_after", ["-1"])[-1])
            stored.get(name)
            stored.when_over(name, lambda: _replay(exchange, form, stored, name, after))
        else:
            send_body(exchange, _answer(request.method, stored, name), form, _KIND)
    except BadRequest as error:
        exchange.send(refusal(error, form, exchange.number), "invalid")


def _answer(method: str, stored: StoredResponses, name: str) -> dict[str, Any]:
    if method == "DELETE":
        stored.delete(name)
        return {"id": name, "object": "response", "deleted": True}
    return (stored.cancel(name) if method == "POST" else stored.get(name)).body


def _replay(exchange: Exchange, form: WireFormat, stored: StoredResponses, name: str, after: int) -> None:
    """Send the events whose sequence numbers come after this one, in one go."""
    if exchange.ended:  # the client has gone
        return
    try:
        kept = stored.get(name)
    except NotStored as error:  # deleted meanwhile
        exchange.send(refusal(error, form, exchange.number), "invalid")
        return
    frames = form.frames(kept.answer, replace(kept.parsed, stream=True), kept.exchange).frames
    if kept.state == "cancelled":
        frames = frames[:3]  # created, queued, in progress
    headers = (*form.request_id(exchange.number), ("cache-control", "no-cache"))
    body = b"".join(frames[after + 1 :])
    exchange.send(HttpReply(status=200, body=body, headers=headers, content_type=CONTENT_TYPE), _KIND)


def _number(text: str) -> int:
    if text == "-1" or (text.isascii() and text.isdecimal() and len(text) < 10):
        return int(text)
    message = f"Invalid value for 'starting_after': '{text}' is not the sequence number of an event."
    raise BadRequest(message, "starting_after", "invalid_value")
