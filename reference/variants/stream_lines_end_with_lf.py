"""Events of a stream are told apart by two LFs, and a CR before each counts as part of what the line says.

Breaks MSG-6. All of WHATWG's line ends are in use: Gemini's own servers send CR LF, and so do some proxies.
"""

from __future__ import annotations

import re

from reference.providers import sse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reference.parts import Parts

BREAKS = ("MSG-6",)


def replace(parts: Parts) -> Parts:
    """Swap what ends a line."""
    sse._LINE_END = re.compile(rb"\n")
    return parts
