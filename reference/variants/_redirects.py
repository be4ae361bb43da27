"""What the variants that go where an answer leads share: a request that does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urljoin

from reference.deadline import Deadline
from reference.providers.transport import Answer, Request, post

_LEADS_ON = (307, 308)  # with the same method and body


@contextmanager
def following(request: Request, deadline: Deadline) -> Iterator[Answer]:
    """Send a request, once more to where its answer leads, and yield the answer that counts. Raises as `post`."""
    with ExitStack() as stack:
        answer = stack.enter_context(post(request, deadline))
        if answer.status in _LEADS_ON:
            onward = _to(request, urljoin(request.url, answer.headers.get("location", "")))
            answer = stack.enter_context(post(onward, deadline))
        yield answer


def _to(request: Request, url: str) -> Request:
    return Request(provider=request.provider, url=url, headers=request.headers, body=request.body, idle=request.idle)
