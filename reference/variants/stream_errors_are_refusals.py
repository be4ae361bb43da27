"""What providers report in mid-stream is the request's own fault, whichever error it is: known ones are Anthropic's.

Breaks FLO-3. Each provider has its words for an overload; of the others' ends the turn what another model would have
made good.
"""

from __future__ import annotations

from reference.errors import Fatal, OrchestratorError
from reference.parts import Parts
from reference.providers import codex, gemini, refusals
from reference.providers.refusals import ProviderError

BREAKS = ("FLO-3",)


def _streamed(provider: str, said: ProviderError, secret: str) -> OrchestratorError:
    error = refusals.streamed(provider, said, secret)
    return Fatal("request-refused", error.message, detail=error.detail)


def replace(parts: Parts) -> Parts:
    """Swap what the error events of two providers mean."""
    for provider in (codex, gemini):
        provider.streamed = _streamed  # type: ignore[attr-defined]
    return parts
