"""What variants share that renew a credential in another way: how it is put in the reference's place."""

from __future__ import annotations

from reference.auth import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reference.auth.refresh import Refresh
    from reference.parts import Parts


def replace_refresh(parts: Parts, refresh: type[Refresh]) -> Parts:
    """Swap how a credential is renewed."""

    class Renewing(Credentials):
        def refresh(self, profile: str, provider: str, config: Mapping[str, Any]) -> Refresh:
            return refresh(self.store, profile, provider, config)

    return parts.replace(auth=Renewing)
