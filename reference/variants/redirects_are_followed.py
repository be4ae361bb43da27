"""Whoever asks a provider goes where its answer leads (307, 308), with all that it had sent [openai-python #3516].

Breaks AUT-9. HTTP clients take `authorization` out on the way to another host, at best, and leave keys in headers with
names of their own: an address that has changed hands, or a proxy, sends the key to whom it likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace as replaced
from urllib.parse import urljoin

from reference.deadline import Deadline
from reference.parts import Parts
from reference.providers import anthropic, codex, gemini
from reference.providers.transport import Answer, Request, post

BREAKS = ("AUT-9",)

_LEADS_ON = (307, 308)  # with the same method and body


@contextmanager
def _following(request: Request, deadline: Deadline) -> Iterator[Answer]:
    with ExitStack() as stack:
        answer = stack.enter_context(post(request, deadline))
        if answer.status in _LEADS_ON:
            onward = replaced(request, url=urljoin(request.url, answer.headers.get("location", "")))
            answer = stack.enter_context(post(onward, deadline))
        yield answer


def replace(parts: Parts) -> Parts:
    """Swap how each provider is asked."""
    for provider in (anthropic, codex, gemini):
        provider.post = _following  # type: ignore[attr-defined]
    return parts
