"""What variants share that keep or renew a credential in another way: how it is put in the reference's place."""

from __future__ import annotations

from reference.auth import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reference.auth.refresh import Refresh
    from reference.auth.store import Store
    from reference.home import Home
    from reference.parts import Parts


def replace_refresh(parts: Parts, refresh: type[Refresh]) -> Parts:
    """Swap how a credential is renewed."""

    class Renewing(Credentials):
        def refresh(self, profile: str, provider: str, config: Mapping[str, Any]) -> Refresh:
            return refresh(self.store, profile, provider, config)

    return parts.replace(auth=Renewing)


def replace_store(parts: Parts, store: type[Store]) -> Parts:
    """Swap where credentials are kept."""

    def auth(home: Home) -> Credentials:
        credentials = Credentials(home)
        credentials.store = store(home)
        return credentials

    return parts.replace(auth=auth)
