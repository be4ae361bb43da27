"""A provider's own name for its error is passed on as it stands, whatever it holds, and only its message is looked at.

Breaks AUT-9. A code is taken for a word of a list; it is whatever the server writes there. No single thread: redaction
that began with the message was widened to other fields in hermes-agent (#54087).
"""

from __future__ import annotations

from reference.errors import OrchestratorError
from reference.providers import refusals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts
    from reference.providers.refusals import ProviderError

BREAKS = ("AUT-9",)

_failure = refusals.failure


def _with_the_code(
    provider: str, said: ProviderError, status: int, wait: float | None, secret: str
) -> OrchestratorError:
    error = _failure(provider, said, status, wait, secret)
    error.detail["provider_code"] = said.code
    return error


def replace(parts: Parts) -> Parts:
    """Swap what is told of a refusal."""
    refusals.failure = _with_the_code
    return parts
