"""A credential that is refused is tried once more with each further model of its account, and renewed for each.

Breaks AUT-6. What was refused is remembered with the model that had been asked, although it was said of the token.
"""

from __future__ import annotations

from reference import failover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.messages import Reply
    from reference.parts import Parts

BREAKS = ("AUT-6",)


class _Turn(failover._Turn):
    def _ask(self, provider: str, model: str) -> Reply:
        """Each model has a clean slate."""
        self.refused.clear()
        return super()._ask(provider, model)


def replace(parts: Parts) -> Parts:
    """Swap what a completion remembers of its attempts."""
    failover._Turn = _Turn  # type: ignore[misc]
    return parts
