"""Whoever asks a provider goes where its answer leads (307, 308), with all that it had sent [openai-python #3516].

Breaks AUT-9. HTTP clients take `authorization` out on the way to another host, at best, and leave keys in headers with
names of their own: an address that has changed hands, or a proxy, sends the key to whom it likes.
"""

from __future__ import annotations

from reference.parts import Parts
from reference.providers import anthropic, codex, gemini
from reference.variants._redirects import following

BREAKS = ("AUT-9",)


def replace(parts: Parts) -> Parts:
    """Swap how each provider is asked."""
    for provider in (anthropic, codex, gemini):
        provider.post = following  # type: ignore[attr-defined]
    return parts
