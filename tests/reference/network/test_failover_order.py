"""Who is asked after a failure, what is reported, and what is remembered."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from reference import auth, failover
from reference.cooldowns import Cooldowns
from reference.deadline import Deadline
from reference.errors import Auth, Busy, Fatal, Local, OrchestratorError, Retryable, Stopped
from reference.locks import Lock
from reference.messages import Attempt, Message, Reply, ToolCall

HELLO = (Message(role="user", text="hello"),)
RETRYABLE = ["429", "500", "503", "529", "refused", "reset", "stall", "truncated", "disconnected"]


class Turn:
    """Three providers in order, each with its own wire format."""

    def __init__(self, server: Any, kit: Any, cooldowns: Any, credentials: Any) -> None:
        self.server = server
        self.kit = kit
        self.wires = kit.formats
        self.providers = {wire.name: wire.config(server) for wire in self.wires}
        self.models = [wire.model for wire in self.wires]
        self.cooldowns = cooldowns
        self.credentials = credentials

    def act(self, index: int, *acts: Any) -> None:
        self.server.acts[self.wires[index].path] = list(acts)

    def ask(self, messages: Any = HELLO, seconds: float = 20, **policy: Any) -> tuple[Reply, tuple[Attempt, ...]]:
        return failover.complete(
            models=self.models,
            providers=self.providers,
            messages=messages,
            tools=(),
            deadline=Deadline.after(seconds),
            cooldowns=self.cooldowns,
            auth=self.credentials,
            policy=failover.Policy(**policy) if policy else None,
        )

    def fail(self, **options: Any) -> OrchestratorError:
        with pytest.raises(OrchestratorError) as caught:
            self.ask(**options)
        return caught.value

    def asked(self) -> list[str]:
        """Which providers were contacted, in order."""
        names = {wire.path: wire.name for wire in self.wires}
        return [names[path.partition("?")[0]] for path in self.server.paths()]


@pytest.fixture
def turn(server: Any, kit: Any, cooldowns: Cooldowns, credentials: Any) -> Turn:
    turn = Turn(server, kit, cooldowns, credentials)
    for index, wire in enumerate(turn.wires):
        turn.act(index, wire.reply(f"from {wire.name}"))
    return turn


def acts(turn: Turn, name: str) -> Any:
    kit, frames = turn.kit, turn.wires[0].frames("half an answer", None)[:5]
    streams = {"reset": "reset", "stall": "stall", "truncated": "clean"}
    if name in streams:
        return kit.stream(*frames, end=streams[name])
    return kit.drop if name == "disconnected" else kit.answer(int(name), {})


def kinds(attempts: tuple[Attempt, ...]) -> list[tuple[str, str]]:
    return [(attempt.provider, attempt.kind) for attempt in attempts]


def test_first_model_answers(turn: Turn) -> None:
    reply, attempts = turn.ask()
    assert reply.text == "from anthropic"
    assert attempts == (Attempt(provider="anthropic", model="m", kind="ok", status=200),)


@pytest.mark.parametrize("name", RETRYABLE)
def test_retryable_moves_on_once(turn: Turn, name: str) -> None:
    if name == "refused":
        turn.providers["anthropic"]["baseUrl"] = "http://127.0.0.1:1"
    else:
        turn.act(0, acts(turn, name))
    reply, attempts = turn.ask()
    assert reply.text == "from gemini"  # and nothing of "half an answer" (FLO-8)
    assert kinds(attempts) == [("anthropic", "retryable"), ("gemini", "ok")]
    assert turn.asked() == (["gemini"] if name == "refused" else ["anthropic", "gemini"])


@pytest.mark.parametrize(
    "change", [(b'"toolu_1"', b'""'), (b'"exec"', b'""'), (b'"exec"', b'"exec me"'), (b'"exec"', b'"%s"' % (b"e" * 65))]
)
def test_tool_call_that_no_provider_would_take_back_moves_on(turn: Turn, change: tuple[bytes, bytes]) -> None:
    """In a transcript it would have every later request of the session refused."""
    frames = turn.wires[0].frames("", {"command": "true"})
    turn.act(0, turn.kit.stream(*[frame.replace(*change) for frame in frames]))
    reply, attempts = turn.ask()
    assert reply.text == "from gemini"
    assert [attempt.code for attempt in attempts] == ["malformed-answer", ""]


def test_tool_calls_of_one_id_move_on(turn: Turn) -> None:
    frames = turn.wires[0].frames("", {"command": "true"})
    again = [frame.replace(b'"index": 0', b'"index": 1') for frame in frames[1:-2]]
    turn.act(0, turn.kit.stream(*frames[:-2], *again, *frames[-2:]))
    reply, attempts = turn.ask()
    assert reply.text == "from gemini"
    assert [attempt.code for attempt in attempts] == ["malformed-answer", ""]


def test_first_cause_and_all_attempts_are_reported(turn: Turn) -> None:
    turn.act(0, turn.kit.answer(529, {}))
    turn.act(1, turn.kit.answer(401, {}))
    turn.act(2, turn.kit.answer(500, {}))
    error = turn.fail()
    assert isinstance(error, Retryable)
    assert (error.code, error.status) == ("overloaded", 529)
    assert [(a.provider, a.kind, a.code, a.status) for a in error.attempts] == [
        ("anthropic", "retryable", "overloaded", 529),
        ("gemini", "auth", "unauthorized", 401),
        ("codex", "retryable", "provider-error", 500),
    ]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_fatal_stops(turn: Turn, status: int) -> None:
    turn.act(0, turn.kit.answer(status, {}))
    error = turn.fail()
    assert isinstance(error, Fatal)
    assert turn.asked() == ["anthropic"]
    assert kinds(error.attempts) == [("anthropic", "fatal")]


def test_fatal_after_a_first_cause_stops_and_reports_the_first(turn: Turn) -> None:
    turn.act(0, turn.kit.answer(529, {}))
    turn.act(1, turn.kit.answer(400, {}))
    error = turn.fail()
    assert error.code == "overloaded"
    assert kinds(error.attempts) == [("anthropic", "retryable"), ("gemini", "fatal")]
    assert turn.asked() == ["anthropic", "gemini"]


def test_missing_key_moves_on(turn: Turn) -> None:
    del turn.providers["anthropic"]["apiKey"]
    reply, attempts = turn.ask()
    assert reply.text == "from gemini"
    assert [a.code for a in attempts] == ["no-credentials", ""]


def test_models_of_a_refused_credential_are_not_tried(turn: Turn) -> None:
    turn.models = ["anthropic/m", "anthropic/other", "gemini/m"]
    turn.act(0, turn.kit.answer(401, {}))
    reply, attempts = turn.ask()
    assert reply.text == "from gemini"
    assert [a.kind for a in attempts] == ["auth", "auth", "ok"]
    assert turn.asked() == ["anthropic", "gemini"]


@pytest.mark.parametrize("name", ["nobody/m", "anthropic", "anthropic/", "/m", "", 7, None, "odd/m"])
def test_model_that_is_not_configured_is_local(turn: Turn, name: Any) -> None:
    turn.models = [name, *turn.models]
    turn.providers["odd"] = ["not an object"]
    error = turn.fail()
    assert (type(error), error.code) == (Local, "provider-not-configured")
    assert turn.asked() == []


@pytest.mark.parametrize("models", [[], None])
def test_no_models(turn: Turn, models: Any) -> None:
    turn.models = models or []
    assert turn.fail().code == "no-models"


class TestLocal:
    """FLO-1: a local failure contacts nobody and cools nothing down."""

    def check(self, turn: Turn, error: OrchestratorError, code: str) -> None:
        assert isinstance(error, Local)
        assert error.code == code
        assert [a.kind for a in error.attempts] == ["local"]
        assert turn.asked() == []
        assert not Path(turn.cooldowns.path).exists()

    def oauth(self, turn: Turn, **entry: Any) -> None:
        turn.providers["anthropic"] |= {"auth": "oauth", "tokenUrl": turn.server.url + "/token"}
        turn.server.on("/token", turn.kit.answer(500, {}))
        fields = {"provider": "anthropic", "access": "a", "refresh": "r", "expires": 0}
        store = {"version": 1, "profiles": {"anthropic:default": {**fields, **entry}}}
        Path(turn.credentials.store.path).write_text(json.dumps(store))

    def test_damaged_credentials(self, turn: Turn) -> None:
        self.oauth(turn)
        Path(turn.credentials.store.path).write_text('{"profiles": {')
        self.check(turn, turn.fail(), "credentials-damaged")

    def test_unreadable_credentials(self, turn: Turn) -> None:
        self.oauth(turn)
        path = Path(turn.credentials.store.path)
        path.unlink()
        path.mkdir()  # a folder instead of a file: unreadable for root too
        self.check(turn, turn.fail(), "is-a-directory")

    def test_held_credential_lock(self, turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
        self.oauth(turn)
        monkeypatch.setattr("reference.auth.refresh.LOCK_SECONDS", 0.1)
        path = turn.credentials.store.lock("anthropic:default").path
        with Lock(path).acquire(Deadline.after(1)):
            error = turn.fail()
        assert isinstance(error, Busy)
        assert error.detail["holder"]["pid"] == os.getpid()  # type: ignore[index]
        self.check(turn, error, "credentials-busy")

    def test_damaged_cooldowns(self, turn: Turn) -> None:
        path = Path(turn.cooldowns.path)
        path.write_text("[]")
        error = turn.fail()
        path.unlink()
        self.check(turn, error, "cooldowns-damaged")


class TestCooldowns:
    """FLO-5 and FLO-6: what a provider asked for is kept, for as long and for whom it asked."""

    def test_only_the_model_that_asked_rests(self, turn: Turn) -> None:
        turn.act(0, turn.kit.answer(429, {}, {"retry-after": "60"}), turn.wires[0].reply("again"))
        turn.ask()
        reply, attempts = turn.ask()
        assert reply.text == "from gemini"
        assert kinds(attempts) == [("anthropic", "cooling-down"), ("gemini", "ok")]
        assert (attempts[0].code, attempts[0].status) == ("rate-limited", 429)
        turn.models = ["anthropic/other", "gemini/m"]
        assert turn.ask()[0].text == "again"

    def test_it_ends(self, turn: Turn) -> None:
        turn.act(0, turn.kit.answer(429, {}, {"retry-after-ms": "300"}), turn.wires[0].reply("again"))
        turn.ask()
        end = time.time() + 5
        while turn.ask()[0].text != "again":
            assert time.time() < end
        assert turn.asked().count("anthropic") == 2

    @pytest.mark.parametrize("name", ["500", "529", "reset", "truncated"])
    def test_failover_without_a_request_ends_with_its_turn(self, turn: Turn, name: str) -> None:
        turn.act(0, acts(turn, name), turn.wires[0].reply("again"))
        assert turn.ask()[0].text == "from gemini"
        assert turn.ask()[0].text == "again"
        assert not Path(turn.cooldowns.path).exists()

    def test_used_up_quota_rests_the_profile(self, turn: Turn) -> None:
        turn.models = ["codex/m", "codex/other", "gemini/m"]
        limit = {"error": {"type": "usage_limit_reached", "message": "x", "resets_in_seconds": 90}}
        turn.act(2, turn.kit.answer(429, limit))
        reply, attempts = turn.ask()
        assert reply.text == "from gemini"
        assert kinds(attempts) == [("codex", "retryable"), ("codex", "cooling-down"), ("gemini", "ok")]
        assert turn.asked() == ["codex", "gemini"]

    def test_all_resting(self, turn: Turn) -> None:
        for index, seconds in enumerate(("60", "20", "40")):
            turn.act(index, turn.kit.answer(429, {}, {"retry-after": seconds}))
        turn.fail()
        error = turn.fail()
        assert isinstance(error, Retryable)
        assert (error.code, error.status) == ("rate-limited", 429)
        assert 15 < float(str(error.detail["retry_after"])) <= 20
        assert [a.kind for a in error.attempts] == ["cooling-down"] * 3
        assert len(turn.asked()) == 3

    def test_clock_set_back_does_not_prolong(self, turn: Turn) -> None:
        now = time.time()
        entry = {"since": now + 3600, "until": now + 3660, "code": "rate-limited", "status": 429}
        cooldowns = {"version": 1, "cooldowns": {"model:anthropic/m": entry}}
        Path(turn.cooldowns.path).write_text(json.dumps(cooldowns))
        assert turn.ask()[0].text == "from anthropic"

    @pytest.mark.parametrize("entry", [7, {}, {"since": "x", "until": 9e9}, {"since": 0, "until": None}])
    def test_entry_that_makes_no_sense_rests_nobody(self, turn: Turn, entry: Any) -> None:
        Path(turn.cooldowns.path).write_text(json.dumps({"cooldowns": {"model:anthropic/m": entry}}))
        assert turn.ask()[0].text == "from anthropic"

    @pytest.mark.parametrize(("seconds", "lasts"), [((3600, 1), 3600), ((1, 3600), 3600), ((60, 60), 60)])
    def test_longer_rest_stands(
        self, cooldowns: Cooldowns, deadline: Deadline, seconds: tuple[float, ...], lasts: float
    ) -> None:
        for each in seconds:
            cooldowns.record("a", Retryable("x", "x", retry_after=each), deadline)
        rest = cooldowns.active(("a",))
        assert rest is not None
        assert lasts - 5 < rest.seconds <= lasts

    def test_others_are_kept_and_over_ones_dropped(self, cooldowns: Cooldowns, deadline: Deadline) -> None:
        cooldowns.record("a", Retryable("x", "x", retry_after=50), deadline)
        cooldowns.record("b", Retryable("x", "x", retry_after=1e-9), deadline)  # over before it is written
        cooldowns.record("c", Retryable("x", "x", retry_after=70), deadline)
        rest = cooldowns.active(("a", "c"))
        assert rest is not None
        assert rest.key == "c"
        assert set(json.loads(Path(cooldowns.path).read_text())["cooldowns"]) == {"a", "c"}
        assert Path(cooldowns.path).stat().st_mode & 0o777 == 0o600


def test_tool_results_go_to_the_next_model_unchanged(turn: Turn) -> None:
    """FLO-7: what ran is in the messages; the next model is told of it, and nothing is run here."""
    call = ToolCall(id="c1", name="exec", arguments={"command": "deploy"})
    messages = (
        *HELLO,
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", text="deployed", tool_call_id="c1"),
    )
    turn.act(0, acts(turn, "reset"))
    turn.ask(messages)
    body = turn.server.seen[1].json["contents"]
    assert body[2]["parts"][0]["functionResponse"] == {"name": "exec", "response": {"output": "deployed"}}
    assert len(body) == 3


def test_deadline_stops_with_the_attempts(turn: Turn) -> None:
    turn.act(0, turn.kit.answer(529, {}))
    turn.act(1, turn.kit.hang)
    turn.providers["gemini"]["idleSeconds"] = 30
    error = turn.fail(seconds=0.5)
    assert isinstance(error, Stopped)
    assert kinds(error.attempts) == [("anthropic", "retryable")]
    assert turn.asked() == ["anthropic", "gemini"]


def test_attempts_are_bounded(turn: Turn) -> None:
    for index in range(3):
        turn.act(index, turn.kit.answer(500, {}))
    assert len(turn.fail().attempts) == 3
    assert len(turn.asked()) == 3


class TestRenewal:
    """AUT-6: a 401 is met with one renewal and one more request, whatever the local clock says."""

    @pytest.fixture
    def signed_in(self, turn: Turn, endpoint: Any) -> Turn:
        turn.models = ["codex/m"]
        turn.providers["codex"] |= {"auth": "oauth", "tokenUrl": turn.server.url + "/token"}
        entry = {"access": "at-old", "refresh": "rt-0", "expires": (time.time() + 3600) * 1000}
        auth.import_profile(turn.credentials.store.home, "codex:default", entry, Deadline.after(5))
        return turn

    def tokens(self, turn: Turn) -> list[str]:
        seen = [seen for seen in turn.server.seen if seen.path != "/token"]
        return [s.headers["authorization"].removeprefix("Bearer ") for s in seen]

    def test_renewed(self, signed_in: Turn) -> None:
        signed_in.act(2, signed_in.kit.answer(401, {}), signed_in.kit.codex.reply())
        reply, attempts = signed_in.ask()
        assert reply.text == "hello"
        assert [attempt.kind for attempt in attempts] == ["ok"]
        assert self.tokens(signed_in) == ["at-old", "at-1"]

    def test_rejected_again(self, signed_in: Turn, endpoint: Any) -> None:
        signed_in.act(2, signed_in.kit.answer(401, {}))
        assert signed_in.fail().code == "unauthorized"
        assert self.tokens(signed_in) == ["at-old", "at-1"]
        assert endpoint.asked == ["rt-0"]

    def test_forbidden_is_not_expired(self, signed_in: Turn, endpoint: Any) -> None:
        signed_in.act(2, signed_in.kit.answer(403, {}))
        assert signed_in.fail().code == "forbidden"
        assert endpoint.asked == []


class TestPolicies:
    """Each wrong policy is wrong in its own way and no other."""

    def test_never(self, turn: Turn) -> None:
        turn.act(0, turn.kit.answer(529, {}))
        assert len(turn.fail(moves_on=lambda error: False).attempts) == 1

    def test_last_cause(self, turn: Turn) -> None:
        turn.act(0, turn.kit.answer(529, {}))
        turn.act(1, turn.kit.answer(500, {}))
        turn.act(2, turn.kit.answer(401, {}))
        assert isinstance(turn.fail(reported=lambda failures: failures[-1]), Auth)

    def test_unbounded(self, turn: Turn) -> None:
        turn.act(0, turn.kit.answer(429, {}, {"retry-after": "60"}))
        turn.ask(tries=7, honours_rest=False)
        assert turn.asked() == ["anthropic"] * 7 + ["gemini"]
