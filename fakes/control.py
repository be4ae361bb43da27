"""The stand-alone server's own endpoints under /__fakes__/: look at the journal and the families, open gates.

They are for whoever drives the server from another process. They are not recorded, and they show no secret.
"""

from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import parse_qs, unquote

from fakes.routes import CONTROL
from fakes.server import Fakes
from fakes.wire.http import HttpReply, HttpRequest
from fakes.wire.sse import to_bytes

_HELP = "GET openapi.json, GET journal, GET held, GET oauth, POST release/GATE, POST release/GATE?count=N"


def control_of(fakes: Callable[[], Fakes], journal: Callable[[], bytes]) -> Callable[[HttpRequest], HttpReply]:
    """What answers /__fakes__/… for these fakes. They are asked for late, as they are made with it."""

    def answer(request: HttpRequest) -> HttpReply:
        name = request.path.removeprefix(CONTROL)
        reads = request.method in ("GET", "HEAD")
        if name.startswith("release/") and request.method == "POST":
            return _release(fakes(), unquote(name.removeprefix("release/")), request.query)
        if reads and name == "openapi.json":
            # Imported when asked for: a server that nobody asks starts sooner.
            from fakes.openapi.document import document_bytes

            return HttpReply(status=200, body=document_bytes())
        if reads and name == "journal":
            return _journal(journal)
        if reads and name == "held":
            return HttpReply(status=200, body=to_bytes(fakes().held))
        if reads and name == "oauth":
            families = [asdict(family) for family in fakes().oauth.families()]
            return HttpReply(status=200, body=to_bytes({"families": families}))
        return _refusal(404, f"{request.method} {request.path} is not known here; there are: {_HELP}")

    return answer


def _journal(read: Callable[[], bytes]) -> HttpReply:
    try:
        return HttpReply(status=200, body=read(), content_type="application/x-ndjson")
    except OSError as error:
        return _refusal(409, f"the journal cannot be read back ({error.strerror}); give --journal a file")


def _release(fakes: Fakes, gate: str, query: str) -> HttpReply:
    count = parse_qs(query).get("count", [""])[-1]
    # Of more digits Python makes no number, and so many exchanges never wait.
    if not gate or (count and not (count.isdecimal() and len(count) < 10)):
        return _refusal(400, "name a gate, and a whole number as count: POST /__fakes__/release/GATE?count=1")
    released = fakes.release(gate, int(count) if count else None)
    return HttpReply(status=200, body=to_bytes({"gate": gate, "released": released}))


def _refusal(status: int, message: str) -> HttpReply:
    return HttpReply(status=status, body=to_bytes({"error": {"message": message}}))
