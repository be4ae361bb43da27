"""A credential that is refused counts for every model of that API: whoever has a second account is not asked with it.

Breaks AUT-7. The fallback is another provider's model, or none, while the second account could go on. No single thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.errors import Auth
from reference.failover import _Turn
from reference.parts import Parts

if TYPE_CHECKING:
    from reference.messages import Reply

BREAKS = ("AUT-7",)

_ask = _Turn._ask


def _once_an_api(self: _Turn, provider: str, model: str) -> Reply:
    config: Any = self.providers.get(provider)
    api = config.get("api") if isinstance(config, dict) else None
    if api in self.refused:
        raise self.refused[api]
    try:
        return _ask(self, provider, model)
    except Auth as error:
        self.refused[str(api)] = error
        raise


def replace(parts: Parts) -> Parts:
    """Swap for whom a refused credential counts."""
    _Turn._ask = _once_an_api  # type: ignore[method-assign]
    return parts
