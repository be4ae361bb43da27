"""Every 401 leads to a refresh, although the store may have a newer token by then.

Breaks AUT-6. Each process whose request was under way spends a generation of its own, one after the other.
No single thread.
"""

from __future__ import annotations

from reference.auth import Credentials, profile_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reference.deadline import Deadline
    from reference.parts import Parts

BREAKS = ("AUT-6",)


class _Credentials(Credentials):
    def renew(self, provider: str, config: Mapping[str, Any], rejected: str, deadline: Deadline) -> str:
        """Renew whatever stands in the store, refused or not."""
        profile = profile_of(provider, config)
        return self.refresh(profile, provider, config).renew(self.store.get(profile), deadline).access


def replace(parts: Parts) -> Parts:
    """Swap the credentials."""
    return parts.replace(auth=_Credentials)
