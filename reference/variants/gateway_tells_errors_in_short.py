"""Of a turn that has failed in the gateway its client is told the code and the message, and nothing else.

Breaks FLO-2 and LCK-6. Which models were tried, and who has the session, is known to the gateway alone.
"""

from __future__ import annotations

from typing import Any

from reference.gateway import client
from reference.parts import Parts
from reference.result import Result

BREAKS = ("FLO-2", "LCK-6")

_result = client._result


def _in_short(line: dict[str, Any]) -> Result:
    document = line["document"]
    if not document["ok"]:
        document |= {"attempts": [], "error": document["error"] | {"detail": {}}}
    return _result(line)


def replace(parts: Parts) -> Parts:
    """Swap what the gateway's client makes of a result."""
    client._result = _in_short
    return parts
