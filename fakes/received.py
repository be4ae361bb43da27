"""What the journal says of a request that came in."""

from fakes.events import RequestReceived
from fakes.exchange import Exchange
from fakes.providers.base import ParsedRequest, markers_in
from fakes.providers.results import results_in
from fakes.wire.http import HttpRequest


def bare(exchange: Exchange, method: str, path: str, size: int, *, stream: bool = False) -> RequestReceived:
    """Of one that asks no model for a turn, or that could not be read."""
    return RequestReceived(
        exchange=exchange.number,
        provider=exchange.provider,
        model=exchange.model,
        method=method,
        path=path,
        marker="",
        turn_step=0,
        rule="",
        stream=stream,
        bytes=size,
        peer_port=exchange.connection.peer_port,
    )


def asked(
    exchange: Exchange, request: HttpRequest, parsed: ParsedRequest, *, rule: str, near_misses: tuple[str, ...]
) -> RequestReceived:
    """Of one for a turn: the rule that answers it, or, where none does, those that nearly do."""
    results = results_in(request)
    return RequestReceived(
        exchange=exchange.number,
        provider=exchange.provider,
        model=parsed.model,
        method=request.method,
        path=request.path,
        marker=parsed.turn.marker,
        turn_step=parsed.turn.step,
        rule=rule,
        stream=parsed.stream,
        bytes=len(request.body),
        peer_port=exchange.connection.peer_port,
        markers=markers_in(request),
        results=results.digests,
        told=results.markers,
        added=parsed.turn.added,
        tools=results.tools,
        near_misses=near_misses,
    )
