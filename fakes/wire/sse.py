"""Server-sent events: one frame from an event name and data (WHATWG HTML, section 9.2.6).

Data here is always one line of JSON, so no splitting into several data lines is needed.
"""

import json
from collections.abc import Mapping
from typing import Any

CONTENT_TYPE = "text/event-stream; charset=utf-8"

compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
to_ascii = json.JSONEncoder(separators=(",", ":")).encode


def to_bytes(data: Mapping[str, Any]) -> bytes:
    """Compact UTF-8 JSON; a lone surrogate, which UTF-8 cannot carry, becomes "?"."""
    return compact(data).encode("utf-8", "replace")


def named_frame(event: str, data: Mapping[str, Any]) -> bytes:
    """A frame with an event name."""
    return b"event: %b\ndata: %b\n\n" % (event.encode("ascii", "replace"), to_bytes(data))


def data_frame(data: Mapping[str, Any]) -> bytes:
    """A frame of data only."""
    return b"data: %b\n\n" % to_bytes(data)
