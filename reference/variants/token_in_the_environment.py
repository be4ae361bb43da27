"""The access token stands in the environment of tools, as a program leaves it there that was started with it.

Breaks AUT-9. A model that has a look at its environment has the token in its conversation, and so has the transcript.
"""

from __future__ import annotations

import os

from reference.auth import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reference.deadline import Deadline
    from reference.parts import Parts

BREAKS = ("AUT-9",)


class _Exported(Credentials):
    def token(self, provider: str, config: Mapping[str, Any], deadline: Deadline) -> str:
        """The token, for whoever is started from now on too."""
        os.environ["REFERENCE_TOKEN"] = token = super().token(provider, config, deadline)
        return token


def replace(parts: Parts) -> Parts:
    """Swap the credentials."""
    return parts.replace(auth=_Exported)
