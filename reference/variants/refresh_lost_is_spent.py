"""A refresh whose answer is lost is given up: the token may be spent, so a sign-in is asked for [CC#93014].

Servers that keep the successor for whoever asks again are never asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference.auth import Credentials
from reference.auth.refresh import Refresh
from reference.parts import Parts

BREAKS = ("AUT-5",)


class _Refresh(Refresh):
    sends = 1


class _Credentials(Credentials):
    def refresh(self, profile: str, provider: str, config: Mapping[str, Any]) -> Refresh:
        return _Refresh(self.store, profile, provider, config)


def replace(parts: Parts) -> Parts:
    return parts.replace(auth=_Credentials)
