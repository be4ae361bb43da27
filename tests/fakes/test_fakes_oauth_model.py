"""Sequences of OAuth calls over HTTP, each answer compared with a model of its own.

`pytest tests/fakes/test_fakes_oauth_model.py --hypothesis-profile long` runs ten thousand sequences.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import hypothesis
import pytest
import uvloop
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from fakes.oauth import CLAUDE_CLIENT_ID, CODEX_CLIENT_ID, Fault, OAuthSettings
from fakes.oauth.grants import DEVICE_CODE
from fakes.script import Script
from fakes.server import Fakes
from tests.fakes.oauth_model import TOLERANCES, Asked, Lifetimes, Model

# For each of the six policies.
SEQUENCES = 1_700 if settings.get_current_profile_name() == "long" else 40
SCOPE = frozenset({"openid", "profile", "email", "offline_access"})
# Of a family that is seeded for Claude Code.
CLAUDE_SCOPE = frozenset(
    {
        "org:create_api_key", "user:file_upload", "user:inference", "user:mcp_servers", "user:plugins",
        "user:profile", "user:sessions:claude_code",
    }
)  # fmt: skip
REDIRECT = "http://127.0.0.1:9/callback"
LIFETIMES = Lifetimes(token=50.0, family=120.0)
CODE_LIFE, DEVICE_LIFE, INTERVAL = 20.0, 40.0, 5.0
STEPS = (1.0, 5.0, 10.0, 20.0, 50.0)
# Between two uses of a token: the policies' windows are 10 seconds long.
WAITS = (0.0, 0.0, 4.0, 5.0, 9.0, 10.0)
ACTS = (
    *["reuse"] * 6,
    *["rotate"] * 5,
    *["lose", "refresh", "sign_in_by_browser", "sign_in_a_device"] * 2,
    *["time_passes", "another_family", "revoke", "revoke_access", "introspect"],
)
FAULTS = {
    "error-before-commit": 503,
    "drop-before-commit": 0,
    "error-after-commit": 503,
    "drop-after-commit": 0,
    "truncate-after-commit": 0,
}  # and the status that a client sees, 0 for none that is whole

# How each path words a refusal: status, and the error's code.
FLAT = {
    "invalid_request": (400, "invalid_request"),
    "unknown": (400, "invalid_grant"),
    "wrong-client": (400, "invalid_grant"),
    "revoked": (400, "invalid_grant"),
    "expired": (400, "invalid_grant"),
    "invalid_scope": (400, "invalid_scope"),
    "reused": (400, "invalid_grant"),
}
OPENAI = {
    "invalid_request": (400, "invalid_request"),
    "unknown": (401, "invalid_grant"),
    "wrong-client": (401, "invalid_grant"),
    "revoked": (401, "refresh_token_invalidated"),
    "expired": (401, "refresh_token_expired"),
    "invalid_scope": (400, "invalid_scope"),
    "reused": (401, "refresh_token_reused"),
}
WORDS = {"/token": FLAT, "/v1/oauth/token": FLAT, "/oauth/token": OPENAI}


class Wire:
    """A server for one policy, a clock that stands still, and one connection that is opened again when it breaks."""

    def __init__(self, loop: asyncio.AbstractEventLoop, policy: str) -> None:
        self.now = 1_000_000.0
        self._loop = loop
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        chosen = OAuthSettings(
            policy=policy,
            refresh_ttl=LIFETIMES.token,
            family_ttl=LIFETIMES.family,
            code_ttl=CODE_LIFE,
            device_ttl=DEVICE_LIFE,
            device_interval=INTERVAL,
        )
        self.fakes = Fakes(Script(()), oauth=chosen, record=lambda _: None, clock=lambda: self.now)
        loop.run_until_complete(self.fakes.start())

    def call(self, method: str, target: str, fields: dict[str, str] | None = None, *, form: bool = True) -> Reply:
        return self._loop.run_until_complete(self._call(method, target, fields, form))

    async def _call(self, method: str, target: str, fields: dict[str, str] | None, form: bool) -> Reply:
        data = b"" if fields is None else urlencode(fields).encode() if form else json.dumps(fields).encode()
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        lines = (
            f"{method} {target} HTTP/1.1",
            "host: localhost",
            f"content-type: {kind}",
            f"content-length: {len(data)}",
        )
        head = "".join(f"{line}\r\n" for line in (*lines, ""))
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.fakes.port)
        reader, writer = self._streams
        try:
            writer.write(head.encode() + data)
            top = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.lower().split(": ", 1) for line in top.split("\r\n")[1:] if line)
            body = await reader.readexactly(int(headers["content-length"]))
            return Reply(int(top.split()[1]), body, top)
        except (asyncio.IncompleteReadError, ConnectionError):
            await self._hang_up()
            return Reply(0, b"", "")

    async def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    def close(self) -> None:
        self._loop.run_until_complete(self._hang_up())
        self._loop.run_until_complete(self.fakes.close())


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    head: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def refusal(self) -> tuple[int, str]:
        error = self.json["error"]
        return self.status, error["code"] if isinstance(error, dict) else error


@dataclass
class Code:
    """An authorization code that the client holds."""

    value: str
    verifier: str
    client: str
    at: float
    minted: str | None = None


@dataclass
class Device:
    """A device that signs in."""

    code: str
    user_code: str
    at: float
    interval: float = INTERVAL
    polled: float | None = None
    state: str = "pending"


@dataclass
class World:
    """What one sequence knows: the model, and which wire value has which of the model's names."""

    wire: Wire
    model: Model
    values: dict[str, str] = field(default_factory=dict)  # the model's name: the token on the wire
    access: dict[str, tuple[str, float]] = field(
        default_factory=dict
    )  # access token: its refresh token's name, its end
    codes: list[Code] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def learn(self, name: str, tokens: dict[str, Any]) -> None:
        value = tokens["refresh_token"]
        if name in self.values:
            assert self.values[name] == value, "the same token, so the same bytes"
        else:
            assert value not in self.known, "a minted token is a new one"
        self.values[name] = value
        self.known.add(value)
        assert tokens["access_token"] not in self.access
        self.access[tokens["access_token"]] = (name, self.wire.now + 3600.0)


def machine_of(policy: str, loop: asyncio.AbstractEventLoop, problems: list[Any]) -> type[RuleBasedStateMachine]:
    """The state machine of one policy, on a loop that notes in `problems` what was raised in it."""

    class OAuthSequences(RuleBasedStateMachine):
        world: World | None = None

        @initialize()
        def begin(self) -> None:
            self.world = World(Wire(loop, policy), Model(policy, LIFETIMES))
            self.seeded(CODEX_CLIENT_ID)

        def teardown(self) -> None:
            if self.world is not None:
                self.world.wire.close()
            assert not problems

        def another_family(self, path: str, data: st.DataObject) -> None:
            self.seeded(data.draw(st.sampled_from([CODEX_CLIENT_ID, CLAUDE_CLIENT_ID]), label="client"))

        def seeded(self, client: str) -> None:
            world = self.world
            name = f"family-{len(world.wire.fakes.oauth.families())}"
            credential = world.wire.fakes.oauth.seed(name, account="a", client_id=client)
            scope = CLAUDE_SCOPE if client == CLAUDE_CLIENT_ID else SCOPE
            first = world.model.sign_in(client, scope, world.wire.now)
            world.learn(first, {"refresh_token": credential.refresh_token, "access_token": credential.access_token})

        def time_passes(self, path: str, data: st.DataObject) -> None:
            self.world.wire.now += data.draw(st.sampled_from(STEPS), label="seconds")

        # One rule and not many: Hypothesis leaves whole rules out of a sequence, and draws the others evenly.
        @rule(what=st.sampled_from(ACTS), path=st.sampled_from(sorted(WORDS)), data=st.data())
        def act(self, what: str, path: str, data: st.DataObject) -> None:
            getattr(self, what)(path, data)

        def rotate(self, path: str, data: st.DataObject) -> None:
            """The usual refresh: a live token, by its own client."""
            model = self.world.model
            live = [name for family in model.families for name in family.live() if name in self.world.values]
            if live:
                self.present(data.draw(st.sampled_from(live), label="token"), path)

        def reuse(self, path: str, data: st.DataObject) -> None:
            """A spent token again, soon after it was used first."""
            model = self.world.model
            spent = [use.presented for family in model.families if not family.over() for use in family.granted()]
            if spent:
                self.world.wire.now += data.draw(st.sampled_from(WAITS), label="wait")
                self.present(data.draw(st.sampled_from(spent[-3:]), label="token"), path)

        def lose(self, path: str, data: st.DataObject) -> None:
            """Any token, with an answer that does not come."""
            self.present(self.any_token(data), path, fault=data.draw(st.sampled_from(sorted(FAULTS)), label="fault"))

        def refresh(self, path: str, data: st.DataObject) -> None:
            """Any token, asked for in any way."""
            client = data.draw(st.sampled_from([None, None, "other", ""]), label="client")
            scope = data.draw(
                st.sampled_from([None, "openid", "openid email", "openid admin", "user:profile"]), label="scope"
            )
            form = data.draw(st.booleans(), label="form")
            self.present(self.any_token(data), path, form=form, client=client, scope=scope)

        def any_token(self, data: st.DataObject) -> str:
            names = sorted(self.world.values, key=lambda name: int(name[1:]))
            return data.draw(st.sampled_from([*names, *names[-3:] * 2, "", "nonsense"]), label="token")

        def present(
            self,
            name: str,
            path: str,
            *,
            form: bool = True,
            client: str | None = None,
            scope: str | None = None,
            fault: str | None = None,
        ) -> None:
            world = self.world
            family = world.model.home_of(name)
            asker = client if client is not None else family.client if family is not None else CODEX_CLIENT_ID
            fields = {"grant_type": "refresh_token", "refresh_token": world.values.get(name, name), "client_id": asker}
            if scope is not None:
                fields["scope"] = scope
            world.wire.fakes.oauth.set_fault(Fault(kind=fault, status=503) if fault is not None else None)
            reply = world.wire.call("POST", path, fields, form=form)
            world.wire.fakes.oauth.set_fault(None)
            if fault is not None and fault.endswith("before-commit"):
                assert reply.status == FAULTS[fault]
                return
            asked = Asked(name, asker, frozenset(scope.split()) if scope is not None else None)
            answer, given = world.model.refresh(asked, world.wire.now)
            if given is None:
                assert reply.refusal() == WORDS[path][answer]
            elif fault is not None:
                assert reply.status == FAULTS[fault]
            else:
                assert reply.status == 200, reply
                family = world.model.home_of(name)
                assert family is not None
                assert set(reply.json["scope"].split()) == (family.scope if asked.scope is None else asked.scope)
                world.learn(given, reply.json)

        def revoke(self, path: str, data: st.DataObject) -> None:
            world = self.world
            name = data.draw(st.sampled_from([*sorted(world.values), "nonsense", "nonsense"]), label="token")
            form = data.draw(st.booleans(), label="form")
            reply = world.wire.call("POST", "/oauth/revoke", {"token": world.values.get(name, name)}, form=form)
            assert reply.status == 200
            world.model.end(name, world.wire.now)

        def revoke_access(self, path: str, data: st.DataObject) -> None:
            world = self.world
            access = data.draw(st.sampled_from(sorted(world.access)), label="access")
            assert world.wire.call("POST", "/revoke", {"token": access}).status == 200
            world.access[access] = (world.access[access][0], 0.0)

        def introspect(self, path: str, data: st.DataObject) -> None:
            world = self.world
            name = data.draw(st.sampled_from(sorted(world.values)), label="token")
            said = world.wire.call("POST", "/introspect", {"token": world.values[name]}).json
            assert said["active"] == world.model.active(name, world.wire.now)
            access = data.draw(st.sampled_from(sorted(world.access)), label="access")
            of, end = world.access[access]
            family = world.model.home_of(of)
            assert family is not None
            said = world.wire.call("POST", "/introspect", {"token": access}).json
            assert said["active"] == (not family.over() and world.wire.now < end)

        def sign_in_by_browser(self, path: str, data: st.DataObject) -> None:
            """A code, and its exchange: once, twice, wrongly."""
            what = data.draw(st.sampled_from(["authorize", "exchange", "exchange"]), label="step")
            if what == "authorize" or not self.world.codes:
                self.authorize(data.draw(st.sampled_from([CODEX_CLIENT_ID, CLAUDE_CLIENT_ID]), label="client"))
            else:
                self.exchange(data)

        def authorize(self, client: str) -> None:
            world = self.world
            verifier = f"verifier-{len(world.codes):040d}"
            digest = hashlib.sha256(verifier.encode()).digest()
            query = {
                "response_type": "code",
                "client_id": client,
                "redirect_uri": REDIRECT,
                "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
            reply = world.wire.call("GET", f"/oauth/authorize?{urlencode(query)}")
            assert reply.status == 302
            location = next(line for line in reply.head.split("\r\n") if line.startswith("location: "))
            answer = dict(parse_qsl(urlsplit(location.removeprefix("location: ")).query))
            world.codes.append(Code(answer["code"], verifier, client, world.wire.now))

        def exchange(self, data: st.DataObject) -> None:
            world = self.world
            wrong = data.draw(
                st.sampled_from([None, None, "code_verifier", "redirect_uri", "client_id"]), label="wrong"
            )
            code = data.draw(st.sampled_from(world.codes), label="code")
            fields = {
                "grant_type": "authorization_code",
                "client_id": code.client,
                "redirect_uri": REDIRECT,
                "code": code.value,
                "code_verifier": code.verifier,
            }
            if wrong is not None:
                fields[wrong] += "x"
            reply = world.wire.call("POST", "/token", fields)
            if code.minted is not None and wrong != "client_id":
                world.model.end(code.minted, world.wire.now)
            if wrong is not None or code.minted is not None or world.wire.now >= code.at + CODE_LIFE:
                assert reply.refusal() == (400, "invalid_grant")
                return
            assert reply.status == 200
            code.minted = world.model.sign_in(code.client, SCOPE, world.wire.now)
            world.learn(code.minted, reply.json)

        def sign_in_a_device(self, path: str, data: st.DataObject) -> None:
            """A device, what its user decides, and its polls."""
            what = data.draw(st.sampled_from(["device", "decide", "poll", "poll", "poll"]), label="step")
            if what == "device" or not self.world.devices:
                self.device()
            else:
                getattr(self, what)(data)

        def device(self) -> None:
            world = self.world
            begun = world.wire.call("POST", "/device/code", {"client_id": CODEX_CLIENT_ID}).json
            world.devices.append(Device(begun["device_code"], begun["user_code"], world.wire.now))

        def decide(self, data: st.DataObject) -> None:
            world = self.world
            decision = data.draw(st.sampled_from(["approve", "approve", "deny"]), label="decision")
            device = data.draw(st.sampled_from(world.devices), label="device")
            fields = {"user_code": device.user_code, "decision": decision}
            waits = device.state == "pending" and world.wire.now < device.at + DEVICE_LIFE
            assert world.wire.call("POST", "/device", fields).status == (200 if waits else 400)
            if waits:
                device.state = decision

        def poll(self, data: st.DataObject) -> None:
            world, now = self.world, self.world.wire.now
            device = data.draw(st.sampled_from(world.devices), label="device")
            fields = {"grant_type": DEVICE_CODE, "client_id": CODEX_CLIENT_ID, "device_code": device.code}
            reply = world.wire.call("POST", "/token", fields)
            expected = self.poll_error(device, now)
            if expected:
                assert reply.refusal() == (400, expected)
            else:
                assert reply.status == 200
                device.state = "used"
                world.learn(world.model.sign_in(CODEX_CLIENT_ID, SCOPE, now), reply.json)

        def poll_error(self, device: Device, now: float) -> str:
            if device.state == "used":
                return "invalid_grant"
            if now >= device.at + DEVICE_LIFE:
                return "expired_token"
            if device.state != "pending":
                return "access_denied" if device.state == "deny" else ""
            soon = device.polled is not None and now < device.polled + device.interval
            device.polled = now
            device.interval += 5.0 if soon else 0.0
            return "slow_down" if soon else "authorization_pending"

        @invariant()
        def families_are_as_the_model_says(self) -> None:
            world = self.world
            if world is None:
                return
            views = world.wire.fakes.oauth.families()
            expected = [(family.over(), len(family.live()), len(family.minted())) for family in world.model.families]
            seen = []
            for view in views:
                live = sum(token.state == "live" for token in view.generations)
                assert world.model.policy != "strict" or live <= 1
                seen.append((view.state == "revoked", live, len(view.generations)))
            assert seen == expected

    return OAuthSequences


@pytest.fixture
def loop():
    made = uvloop.new_event_loop()
    yield made
    made.close()


@pytest.mark.parametrize("policy", sorted(TOLERANCES))
def test_every_answer_is_the_models(loop, policy):
    problems = []
    loop.set_exception_handler(lambda _loop, context: problems.append(context))
    chosen = settings(
        max_examples=SEQUENCES,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    run_state_machine_as_test(machine_of(policy, loop, problems), settings=chosen)
