"""Sign-in of a device without a browser (RFC 8628), without clock or socket.

The device polls with its device code while a person decides about its user code elsewhere. The same record serves
Codex's own protocol, which hands out an authorization code instead of tokens.
"""

from dataclasses import dataclass
from enum import Enum

from fakes.oauth.rules import Decision

SLOWER = 5.0  # seconds that each slow_down adds to the interval (RFC 8628 section 3.5)


class DeviceState(Enum):
    """PENDING until the person decides; an APPROVED device gets its tokens once and is then USED."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"


@dataclass(slots=True, kw_only=True, eq=False)
class Device:
    """One device that wants to sign in. Times are in seconds; `polled_at` is None before its first poll."""

    device_code: str
    user_code: str
    client_id: str
    scope: frozenset[str]
    expires_at: float
    interval: float
    state: DeviceState = DeviceState.PENDING
    account: str = ""
    polled_at: float | None = None


def poll(device: Device | None, client_id: str, now: float) -> Decision:
    """What a poll is answered; "minted" only once. A device that polls too fast has to wait longer from then on."""
    if device is None or device.state is DeviceState.USED:
        return "unknown"
    if client_id != device.client_id:
        return "wrong-client"
    if now >= device.expires_at:
        return "expired"
    if device.state is DeviceState.DENIED:
        return "denied"
    if device.state is DeviceState.APPROVED:
        device.state = DeviceState.USED
        return "minted"
    return _pending(device, now)


def _pending(device: Device, now: float) -> Decision:
    too_fast = device.polled_at is not None and now - device.polled_at < device.interval
    device.polled_at = now
    if too_fast:
        device.interval += SLOWER
    return "slow-down" if too_fast else "pending"
