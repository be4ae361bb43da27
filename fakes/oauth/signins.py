"""How a user signs in at this server: authorization codes and devices, each of which starts a family.

No password is asked: the settings say who signs in and whether they consent. Every method is one synchronous step.
"""

from dataclasses import dataclass
from itertools import count

from fakes.oauth.codes import Code, CodeGrant, challenge_of, judge_code
from fakes.oauth.devices import Device, DeviceState, poll
from fakes.oauth.dialects import IssuedTokens
from fakes.oauth.rules import Decision, Family
from fakes.oauth.state import OAuthState

_WAITING = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What a grant came to: the decision, and the family and its tokens when it was granted."""

    decision: Decision
    family: Family | None = None
    tokens: IssuedTokens | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedCode:
    """What Codex's device protocol gives for an approved device: a code and both halves of its PKCE pair."""

    code: str
    verifier: str
    challenge: str


class SignIns:
    """The codes and devices of one server.

    Used codes are kept, so that a second use is recognised; of those that wait, only so many are: the oldest go first.
    """

    def __init__(self, state: OAuthState) -> None:
        self._state = state
        self._codes: dict[str, Code] = {}
        self._used: dict[str, Code] = {}
        self._devices: dict[str, Device] = {}
        self._by_user_code: dict[str, Device] = {}
        self._numbers = count(1)

    def code(self, *, client_id: str, redirect_uri: str, challenge: str, scope: frozenset[str], nonce: str = "") -> str:
        """A code for the user of the settings, who has consented."""
        state, now = self._state, self._state.clock()
        code = Code(
            value=state.minter.code(),
            client_id=client_id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            scope=scope,
            account=state.settings.account,
            nonce=nonce,
            auth_time=now,
            expires_at=now + state.settings.code_ttl,
        )
        self._codes[code.value] = code
        if len(self._codes) > _WAITING:
            del self._codes[next(iter(self._codes))]
        return code.value

    def exchange(self, grant: CodeGrant, issuer: str) -> SignedIn:
        """Exchange a code for tokens, once; a second use revokes what the first minted."""
        code = self._codes.get(grant.code) or self._used.get(grant.code)
        decision = judge_code(grant, code, self._state.clock())
        if code is None or decision != "minted":
            return SignedIn(decision=decision, family=code.family if code is not None else None)
        code.family = self._family(code.account, code.client_id, code.scope)
        self._used[code.value] = self._codes.pop(code.value)
        tokens = self._state.issue(code.family, issuer=issuer, nonce=code.nonce, auth_time=code.auth_time)
        return SignedIn(decision=decision, family=code.family, tokens=tokens)

    def device(self, client_id: str, scope: frozenset[str]) -> Device:
        """A device begins to sign in."""
        state = self._state
        device = Device(
            device_code=state.minter.code(),
            user_code=state.minter.user_code(),
            client_id=client_id,
            scope=scope,
            expires_at=state.clock() + state.settings.device_ttl,
            interval=state.settings.device_interval,
        )
        self._devices[device.device_code] = device
        self._by_user_code[_bare(device.user_code)] = device
        if len(self._devices) > _WAITING:
            self._forget(next(iter(self._devices.values())))
        return device

    def decide(self, user_code: str, *, approve: bool = True, account: str = "") -> bool:
        """The user's answer for a device; False when no such device waits for one."""
        device = self._by_user_code.get(_bare(user_code))
        if device is None or device.state is not DeviceState.PENDING or self._state.clock() >= device.expires_at:
            return False
        device.account = account or self._state.settings.account
        device.state = DeviceState.APPROVED if approve else DeviceState.DENIED
        return True

    def poll(self, device_code: str, client_id: str, issuer: str) -> SignedIn:
        """A device asks for its tokens (RFC 8628 section 3.4)."""
        if not (device_code and client_id):
            return SignedIn(decision="invalid-request")
        device = self._devices.get(device_code)
        decision = poll(device, client_id, self._state.clock())
        if device is None or decision != "minted":
            return SignedIn(decision=decision)
        self._forget(device)
        family = self._family(device.account, device.client_id, device.scope)
        return SignedIn(decision=decision, family=family, tokens=self._state.issue(family, issuer=issuer))

    def hand_code(self, device_code: str, user_code: str, redirect_uri: str) -> tuple[Decision, HandedCode | None]:
        """A device of Codex's protocol asks for its code. That protocol knows no slow_down."""
        device = self._devices.get(device_code)
        if device is not None and _bare(device.user_code) != _bare(user_code):
            device = None
        decision = poll(device, device.client_id if device is not None else "", self._state.clock())
        if device is None or decision != "minted":
            return "pending" if decision == "slow-down" else decision, None
        self._forget(device)
        verifier = self._state.minter.verifier()
        challenge = challenge_of(verifier)
        code = self.code(client_id=device.client_id, redirect_uri=redirect_uri, challenge=challenge, scope=device.scope)
        return decision, HandedCode(code=code, verifier=verifier, challenge=challenge)

    def _forget(self, device: Device) -> None:
        del self._devices[device.device_code]
        self._by_user_code.pop(_bare(device.user_code), None)

    def _family(self, account: str, client_id: str, scope: frozenset[str]) -> Family:
        free = (f"sign-in-{number}" for number in self._numbers)
        name = next(name for name in free if not self._state.has_family(name))
        return self._state.start(name, account=account, client_id=client_id, scope=scope)


def _bare(user_code: str) -> str:
    """Without what people add or leave out when they type (RFC 8628 section 6.1)."""
    return "".join(letter for letter in user_code.upper() if letter.isalnum())
