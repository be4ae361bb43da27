"""How tests read what a server sends until the connection ends."""

from __future__ import annotations


async def drained(reader) -> tuple[bytes, str]:
    """Every byte, and whether the end was a "fin" or a "reset"."""
    received = b""
    try:
        while part := await reader.read(65536):
            received += part
    except ConnectionResetError:
        return received, "reset"
    return received, "fin"
