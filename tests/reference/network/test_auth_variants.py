"""Each wrong way to handle credentials breaks its rule, and a turn without a fault still works."""

from __future__ import annotations

import importlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from reference import auth
from reference.deadline import Deadline
from reference.errors import Auth
from reference.home import Home
from reference.parts import Parts

PROFILE = "codex:default"
NAMES = [
    "refresh_unlocked",
    "refresh_clears_on_reuse",
    "refresh_overwrites_store",
    "credentials_world_readable",
    "credentials_readable_for_a_moment",
    "refresh_gives_up",
    "refresh_stores_blindly",
    "refresh_lost_is_spent",
    "refresh_by_the_clock",
    "refresh_before_the_first_answer_only",
    "refresh_counts_in_memory",
    "refresh_believes_expires_in",
    "refresh_outage_is_refusal",
]
BOUND = 20.0


class Case:
    """An expired credential and a token endpoint, under the parts of one variant."""

    def __init__(self, home: Home, server: Any, endpoint: Any) -> None:
        self.home = home
        self.server = server
        self.endpoint = endpoint
        self.config = {"auth": "oauth", "profile": PROFILE, "tokenUrl": server.url + "/token"}
        auth.import_profile(home, PROFILE, {"access": "at-old", "refresh": "rt-0", "expires": 0}, self.deadline())

    def deadline(self) -> Deadline:
        return Deadline.after(BOUND)

    def token(self, name: str) -> str:
        credentials = parts(name).auth(self.home)
        token: str = credentials.token("codex", self.config, self.deadline())
        return token

    def at_once(self, name: str, count: int) -> list[str]:
        """Several commands that all look at the store before the endpoint answers the first."""
        self.endpoint.faults = ["hold"] * count
        found: list[str] = []

        def one() -> None:
            try:
                found.append(self.token(name))
            except Auth as error:
                found.append(error.code)

        threads = [threading.Thread(target=one) for _ in range(count)]
        for thread in threads:
            thread.start()
        if name == "refresh_unlocked":
            self.server.wait_for(count)
        self.server.released.set()
        for thread in threads:
            thread.join(BOUND)
        return sorted(found)


def parts(name: str) -> Parts:
    variant: Parts = importlib.import_module(f"reference.variants.{name}").replace(Parts.default())
    return variant


@pytest.fixture
def case(home: Home, server: Any, endpoint: Any) -> Case:
    return Case(home, server, endpoint)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_fault_it_works(case: Case, name: str) -> None:
    assert case.token(name) == "at-1"
    assert case.token(name) == "at-1"
    stored = json.loads(Path(case.home.credentials).read_text())["profiles"][PROFILE]
    assert (stored["refresh"], stored["generation"]) == ("rt-1", 2)
    assert case.endpoint.asked == ["rt-0"]


@pytest.mark.parametrize("name", NAMES)
def test_names_its_rules(name: str) -> None:
    module = importlib.import_module(f"reference.variants.{name}")
    assert module.BREAKS
    assert module.BREAKS[0].startswith("AUT-")
    assert module.__doc__


def test_unlocked_redeems_once_per_process(case: Case) -> None:
    assert case.at_once("refresh_unlocked", 3) == ["at-1", "refresh_token_reused", "refresh_token_reused"]
    assert case.endpoint.asked == ["rt-0"] * 3


@pytest.mark.parametrize(
    ("name", "modes"), [("credentials_readable_for_a_moment", {0o644}), ("refresh_gives_up", {0o600})]
)
def test_mode_of_the_temporary(case: Case, name: str, modes: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    seen, fsync = set(), os.fsync

    def look(descriptor: int) -> None:
        fsync(descriptor)
        seen.update(path.stat().st_mode & 0o777 for path in Path(case.home.path).glob(".credentials.json.*"))

    monkeypatch.setattr(os, "fsync", look)
    assert case.token(name) == "at-1"
    assert seen == modes
    assert Path(case.home.credentials).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("status", ["500", "503"])
def test_gives_up_at_the_first_failure(case: Case, status: str) -> None:
    case.endpoint.faults = [status]
    with pytest.raises(Auth) as caught:
        case.token("refresh_gives_up")
    assert caught.value.code == "reauthentication-needed"
    assert case.endpoint.asked == ["rt-0"]


@pytest.mark.parametrize(("name", "sends"), [("refresh_lost_is_spent", 1), ("refresh_by_the_clock", 2)])
def test_how_often_a_token_goes_out_whose_answer_was_lost(case: Case, name: str, sends: int) -> None:
    case.endpoint.faults = ["drop"]
    for _ in range(2):
        with pytest.raises(Auth) as caught:
            case.token(name)
        assert caught.value.code == "reauthentication-needed"
    assert case.endpoint.asked == ["rt-0"] * sends


@pytest.mark.parametrize(("name", "sends"), [("refresh_counts_in_memory", 4), ("refresh_by_the_clock", 2)])
def test_how_often_a_token_goes_out_whose_answers_are_all_lost(case: Case, name: str, sends: int) -> None:
    case.endpoint.faults = ["drop"] * 4
    for _ in range(2):
        with pytest.raises(Auth) as caught:
            case.token(name)
        assert caught.value.code == "reauthentication-needed"
    assert case.endpoint.asked == ["rt-0"] * sends


@pytest.mark.parametrize(("name", "kept"), [("refresh_stores_blindly", "rt-1"), ("refresh_gives_up", "rt-9")])
def test_a_token_that_was_stored_meanwhile(case: Case, name: str, kept: str) -> None:
    def meanwhile(server: Any, connection: Any, seen: Any) -> None:
        newer = {"access": "at-9", "refresh": "rt-9", "expires": (time.time() + 3600) * 1000}
        auth.Credentials(case.home).store.put(PROFILE, dict(newer), case.deadline())
        case.endpoint(server, connection, seen)

    case.server.acts["/token"] = [meanwhile]
    assert case.token(name) == kept.replace("rt", "at")
    assert auth.Credentials(case.home).store.get(PROFILE).refresh == kept


def test_by_the_clock_a_refused_token_is_final(case: Case) -> None:
    def renew(name: str) -> str:
        renewed: str = parts(name).auth(case.home).renew("codex", case.config, "at-1", case.deadline())
        return renewed

    assert case.token("refresh_by_the_clock") == "at-1"
    with pytest.raises(Auth):
        renew("refresh_by_the_clock")
    assert renew("refresh_gives_up") == "at-2"


def test_before_the_first_answer_only(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "refresh_before_the_first_answer_only"
    auth_of_turn = parts(name).auth(case.home)
    monkeypatch.setattr(type(auth_of_turn), "requests", 0)
    assert case.token(name) == "at-1"
    assert auth_of_turn.renew("codex", case.config, "at-1", case.deadline()) == "at-2"
    assert case.token(name) == "at-2"
    with pytest.raises(Auth):
        auth_of_turn.renew("codex", case.config, "at-2", case.deadline())


@pytest.mark.parametrize(("name", "asked"), [("refresh_believes_expires_in", 3), ("refresh_gives_up", 1)])
def test_tokens_that_are_said_to_last_no_time(case: Case, name: str, asked: int) -> None:
    case.endpoint.expires_in = 0
    for _ in range(3):
        case.token(name)
    assert len(case.endpoint.asked) == asked


def test_clears_the_newer_token(case: Case) -> None:
    def steal(server: Any, connection: Any, seen: Any) -> None:
        newer = {"access": "at-9", "refresh": "rt-9", "expires": (time.time() + 3600) * 1000}
        auth.Credentials(case.home).store.put(PROFILE, dict(newer), case.deadline())
        case.endpoint.live = "rt-9"
        case.endpoint(server, connection, seen)

    case.server.acts["/token"] = [steal]
    with pytest.raises(Auth):
        case.token("refresh_clears_on_reuse")
    assert auth.Credentials(case.home).store.get(PROFILE).refresh == ""


def test_overwrites_what_others_stored_meanwhile(case: Case) -> None:
    def meanwhile(server: Any, connection: Any, seen: Any) -> None:
        auth.import_profile(case.home, "other:p", {"access": "a"}, case.deadline())
        case.endpoint(server, connection, seen)

    case.server.acts["/token"] = [meanwhile]
    assert case.token("refresh_overwrites_store") == "at-1"
    assert [profile["profile"] for profile in auth.status(case.home)] == [PROFILE]


def test_world_readable_in_place(case: Case) -> None:
    before = Path(case.home.credentials).stat().st_ino
    case.token("credentials_world_readable")
    after = Path(case.home.credentials).stat()
    assert after.st_mode & 0o777 == 0o644
    assert after.st_ino == before
