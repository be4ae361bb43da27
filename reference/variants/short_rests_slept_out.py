"""A provider that asks for a short rest is waited for and asked again, in place of the next model.

Breaks FLO-5. Official SDKs do that for rests of up to a minute, unless they are told not to.
"""

from __future__ import annotations

import time
from typing import Any

from reference.parts import Parts
from reference.variants._clients import Wrapped, replace_clients

BREAKS = ("FLO-5",)

LONGEST, TIMES = 5.0, 2  # seconds of a rest that is waited for, and how often


class _Patient(Wrapped):
    """A client that asks again."""

    def complete(self, *asked: Any) -> Any:
        from reference.errors import Retryable

        for _ in range(TIMES):
            try:
                return self._client.complete(*asked)
            except Retryable as error:
                if not error.retry_after or error.retry_after > LONGEST:
                    raise
                time.sleep(error.retry_after)
        return self._client.complete(*asked)


def replace(parts: Parts) -> Parts:
    """Swap the clients."""
    return replace_clients(parts, _Patient)
