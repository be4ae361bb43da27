"""Each wrong failover breaks its rule when provoked, and answers like the reference when not."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reference import streams
from reference.deadline import Deadline
from reference.errors import Auth, Fatal, OrchestratorError, Retryable
from reference.home import Home
from reference.locks import Lock
from reference.messages import Message, ToolCall
from reference.parts import Parts

NAMES = [
    "failover_on_lock",
    "failover_last_cause",
    "failover_never",
    "failover_on_fatal",
    "failover_unbounded",
    "failover_restarts_turn",
    "cut_answer_is_whole",
    "cut_answer_is_kept",
    "failover_sticks",
    "cooldown_for_all",
    "cooldown_for_broken_connections",
    "retries_broken_connections",
    "retries_server_errors",
    "failover_ends_with_the_second",
    "cooldown_at_least_a_minute",
    "long_rests_ignored",
    "attempts_forgotten_after_an_answer",
    "attempts_like_the_first",
]


class Turn:
    """Three providers and one home."""

    def __init__(self, home: Home, server: Any, kit: Any) -> None:
        self.home = home
        self.server = server
        self.kit = kit
        self.models = [wire.model for wire in kit.formats]
        self.providers = {wire.name: wire.config(server) for wire in kit.formats}
        for wire in kit.formats:
            server.on(wire.path, wire.reply(f"from {wire.name}"))

    def act(self, index: int, *acts: Any) -> None:
        self.server.acts[self.kit.formats[index].path] = list(acts)

    def ask(self, name: str, messages: Sequence[Message] = (Message(role="user", text="hello"),)) -> Any:
        parts = variant(name)
        return parts.complete(
            models=self.models,
            providers=self.providers,
            messages=messages,
            tools=(),
            deadline=Deadline.after(20),
            cooldowns=parts.cooldowns(self.home),
            auth=parts.auth(self.home),
        )

    def fail(self, name: str) -> OrchestratorError:
        with pytest.raises(OrchestratorError) as caught:
            self.ask(name)
        return caught.value

    def asked(self) -> int:
        return len(self.server.paths())


def variant(name: str) -> Parts:
    parts: Parts = importlib.import_module(f"reference.variants.{name}").replace(Parts.default())
    return parts


@pytest.fixture
def turn(home: Home, server: Any, kit: Any) -> Turn:
    return Turn(home, server, kit)


@pytest.mark.parametrize("name", [*NAMES, "failover_on_stdout", "secret_in_error"])
def test_without_a_fault_it_works(turn: Turn, name: str) -> None:
    reply, attempts = turn.ask(name)
    assert reply.text == "from anthropic"
    assert [attempt.kind for attempt in attempts] == ["ok"]


@pytest.mark.parametrize("name", NAMES)
def test_names_its_rules(name: str) -> None:
    module = importlib.import_module(f"reference.variants.{name}")
    assert "FLO" in module.BREAKS[0]
    assert module.__doc__


def test_last_cause(turn: Turn, kit: Any) -> None:
    turn.act(0, kit.answer(529, {}))
    turn.act(1, kit.answer(500, {}))
    turn.act(2, kit.answer(401, {}))
    assert isinstance(turn.fail("failover_last_cause"), Auth)


def test_never(turn: Turn, kit: Any) -> None:
    turn.act(0, kit.answer(529, {}))
    assert isinstance(turn.fail("failover_never"), Retryable)
    assert turn.asked() == 1


def test_on_fatal(turn: Turn, kit: Any) -> None:
    for index in range(3):
        turn.act(index, kit.answer(400, {}))
    assert isinstance(turn.fail("failover_on_fatal"), Fatal)
    assert turn.asked() == 3


def test_unbounded(turn: Turn, kit: Any) -> None:
    turn.act(0, kit.answer(429, {}, {"retry-after": "60"}))
    reply, _ = turn.ask("failover_unbounded")
    assert reply.text == "from gemini"
    assert turn.asked() == 26


@pytest.mark.parametrize(
    ("name", "answered", "rests"),
    [
        ("cooldown_for_broken_connections", "gemini", True),
        ("retries_broken_connections", "anthropic", False),
        ("cooldown_for_all", "gemini", False),
    ],
)
def test_broken_connection(turn: Turn, kit: Any, name: str, answered: str, rests: bool) -> None:
    turn.act(0, kit.drop, kit.formats[0].reply("from anthropic"))
    reply, _ = turn.ask(name)
    assert reply.text == f"from {answered}"
    rest = variant(name).cooldowns(turn.home).active((f"model:{turn.models[0]}",))
    assert (rest is not None) == rests


@pytest.mark.parametrize(("name", "said"), [("failover_on_stdout", [b"anthropic: retryable"]), ("secret_in_error", [])])
def test_what_stands_on_stdout(
    turn: Turn, kit: Any, name: str, said: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = list[bytes]()
    monkeypatch.setattr(streams, "write_output", written.append)
    turn.act(0, kit.answer(529, {}))
    assert turn.ask(name)[0].text == "from gemini"
    assert [line.partition(b",")[0] for line in written] == said


def test_secret_in_error(turn: Turn, kit: Any) -> None:
    for index in range(3):
        turn.act(index, kit.answer(401, {}))
    secret = turn.providers["anthropic"]["apiKey"]
    assert secret in turn.fail("secret_in_error").message
    for index in range(3):
        turn.act(index, kit.answer(401, {}))
    assert secret not in turn.fail("cooldown_for_all").message


CALL = ToolCall(id="call-1", name="exec", arguments={"command": "true"})
AFTER_A_TOOL = (
    Message(role="user", text="hello"),
    Message(role="assistant", text="", tool_calls=(CALL,)),
    Message(role="tool", text="it was done", tool_call_id="call-1"),
)


@pytest.mark.parametrize(("name", "told"), [("failover_restarts_turn", False), ("failover_on_fatal", True)])
def test_whether_the_next_model_is_told_what_was_done(turn: Turn, kit: Any, name: str, told: bool) -> None:
    turn.act(0, kit.answer(529, {}))
    turn.ask(name, AFTER_A_TOOL)
    assert [b"it was done" in seen.body for seen in turn.server.seen] == [True, told]


@pytest.mark.parametrize(("name", "answer"), [("cut_answer_is_whole", "half of"), ("failover_never", "")])
def test_what_an_answer_without_its_end_is_worth(turn: Turn, kit: Any, name: str, answer: str) -> None:
    turn.act(0, kit.stream(*kit.formats[0].frames("half of", None)[:-2]))
    if answer:
        assert turn.ask(name)[0].text == answer
    else:
        assert turn.fail(name).code == "truncated"


@pytest.mark.parametrize(("name", "second"), [("failover_sticks", "gemini"), ("failover_last_cause", "anthropic")])
def test_which_model_the_turn_after_a_failover_begins_with(turn: Turn, kit: Any, name: str, second: str) -> None:
    turn.act(0, kit.answer(529, {}), kit.formats[0].reply("from anthropic"))
    assert [turn.ask(name)[0].text for _ in range(2)] == ["from gemini", f"from {second}"]


@pytest.mark.parametrize(("name", "asked"), [("cooldown_for_all", 1), ("failover_last_cause", 2)])
def test_whom_one_cooldown_concerns(turn: Turn, kit: Any, name: str, asked: int) -> None:
    turn.act(0, kit.answer(429, {}, {"retry-after": "60"}))
    if asked == 1:
        assert isinstance(turn.fail(name), Retryable)
    else:
        assert turn.ask(name)[0].text == "from gemini"
    assert turn.asked() == asked


def test_a_cut_answer_is_kept_beside_the_whole_one(turn: Turn, kit: Any, tmp_path: Path) -> None:
    turn.act(0, kit.stream(*kit.formats[0].frames("half of", None)[:-2]))
    reply, _ = turn.ask("cut_answer_is_kept")
    kept = variant("cut_answer_is_kept").transcript(str(tmp_path / "t.jsonl"), "r-1")
    kept.begin(Message(role="user", text="hello"), Deadline.after(5))
    kept.append(Message(role="assistant", text=reply.text), Deadline.after(5))
    texts = [message.text for message in kept.begin(Message(role="user", text="again"), Deadline.after(5))]
    assert texts == ["hello", "half of", "from gemini", "again"]


def test_local_failure_moves_on(turn: Turn) -> None:
    Path(turn.home.path, "credentials.json").write_text("{")
    turn.providers["anthropic"] |= {"auth": "oauth"}
    reply, _ = turn.ask("failover_on_lock")
    assert reply.text == "from gemini"


class TestHeldSession:
    """The seed: no provider is asked, a refresh token is spent, and the last failure is reported."""

    @pytest.fixture
    def refused(self, turn: Turn, endpoint: Any) -> Any:
        from reference import auth

        oauth = {"auth": "oauth", "profile": "codex:default", "tokenUrl": turn.server.url + "/token"}
        turn.providers["codex"] |= oauth
        config = {"models": turn.models, "providers": turn.providers}
        Path(turn.home.config).write_text(json.dumps(config))
        entry = {"access": "at-old", "refresh": "rt-0", "expires": 9e15}
        auth.import_profile(turn.home, "codex:default", entry, Deadline.after(5))

        def attempt() -> OrchestratorError:
            lock = variant("failover_on_lock").session_lock(turn.home, "lane0", "main", "r-1")
            held = Lock(turn.home.session_lock("lane0", "main"), run_id="r-0").acquire(Deadline.after(1))
            with held, pytest.raises(OrchestratorError) as caught:
                lock.acquire(Deadline.after(0.1), lambda busy: None)
            return caught.value

        return attempt

    def test_a_refresh_is_spent(self, turn: Turn, refused: Any, endpoint: Any) -> None:
        assert refused().code == "session-busy"
        assert endpoint.asked == ["rt-0"]
        assert turn.server.paths() == ["/token"]

    def test_its_failure_hides_the_lock(self, turn: Turn, refused: Any, endpoint: Any) -> None:
        endpoint.live = "rt-9"
        error = refused()
        assert isinstance(error, Auth)
        assert endpoint.asked == ["rt-0"]
        assert turn.server.paths() == ["/token"]
