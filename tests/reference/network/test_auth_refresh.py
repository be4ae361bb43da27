"""Renewing a credential: once among many, through every failure of the token endpoint, and crashes."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reference import auth
from reference.auth import Credentials
from reference.auth import endpoint as endpoint_module
from reference.auth.store import Store, pending_path
from reference.deadline import Deadline
from reference.errors import Auth, Local, Stopped
from reference.home import Home

PROFILE = "codex:default"
OTHER = b'"other:x": {"access" :  "untouched", "refresh": "keep", "n": 1.50}'
BOUND = 20.0


class Case:
    """One expired credential, its endpoint, and a file in which another profile must not change."""

    def __init__(self, home: Home, server: Any, endpoint: Any) -> None:
        self.home = home
        self.server = server
        self.endpoint = endpoint
        self.config: dict[str, object] = {"auth": "oauth", "profile": PROFILE, "tokenUrl": server.url + "/token"}
        self.write("rt-0", expires=0)

    def write(self, refresh: str, *, access: str = "at-old", expires: float = 0) -> None:
        entry = {
            "provider": "codex",
            "access": access,
            "refresh": refresh,
            "expires": expires,
            "generation": 3,
        }
        text = b'{"version": 1, "profiles": {' + OTHER + b", " + json.dumps({PROFILE: entry})[1:-1].encode() + b"}}"
        Path(self.home.credentials).write_bytes(text)

    def token(self, seconds: float = BOUND) -> str:
        return Credentials(self.home).token("codex", self.config, Deadline.after(seconds))

    def renew(self, rejected: str) -> str:
        return Credentials(self.home).renew("codex", self.config, rejected, Deadline.after(BOUND))

    def stored(self) -> dict[str, Any]:
        entry: dict[str, Any] = json.loads(Path(self.home.credentials).read_bytes())["profiles"][PROFILE]
        return entry

    def notes(self) -> list[Path]:
        return list(Path(self.home.path).glob("auth/*.pending.json"))

    def sign_in_needed(self) -> Auth:
        with pytest.raises(Auth) as caught:
            self.token()
        assert caught.value.code == "reauthentication-needed"
        assert "auth import" in caught.value.hint
        [shown] = [profile for profile in auth.status(self.home) if profile["profile"] == PROFILE]
        assert shown["sign_in_needed"] is True
        return caught.value

    def program(self) -> subprocess.Popen[bytes]:
        """Another process that wants the token; it says when it is about to ask."""
        code = (
            "import sys, json; from reference.auth import Credentials; from reference.home import Home;"
            "from reference.deadline import Deadline; from reference import stopping;"
            "import reference.auth.refresh; stopping.install(); print('ready', flush=True);"
            "home, config = sys.argv[1:];"
            "print(Credentials(Home(home)).token('codex', json.loads(config), Deadline.after(20)))"
        )
        argv = [sys.executable, "-c", code, self.home.path, json.dumps(self.config)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process


@pytest.fixture
def case(home: Home, server: Any, endpoint: Any) -> Iterator[Case]:
    case = Case(home, server, endpoint)
    yield case
    assert OTHER in Path(home.credentials).read_bytes()  # AUT-7, whatever happened


def test_fresh_token_needs_neither_lock_nor_request(case: Case) -> None:
    case.write("rt-0", access="at-fresh", expires=(time.time() + 3600) * 1000)
    with Store(case.home).lock(PROFILE).acquire(Deadline.after(1)):
        assert case.token(seconds=0.5) == "at-fresh"
    assert case.endpoint.asked == []


def test_expired_token_is_renewed_and_stored(case: Case) -> None:
    assert case.token() == "at-1"
    stored = case.stored()
    assert (stored["access"], stored["refresh"], stored["generation"]) == ("at-1", "rt-1", 4)
    assert Path(case.home.credentials).stat().st_mode & 0o777 == 0o600
    assert abs(stored["expires"] / 1000 - time.time() - 3600) < 60
    assert case.notes() == []
    assert case.token() == "at-1"
    assert case.endpoint.asked == ["rt-0"]


def test_the_form_is_what_the_server_expects(case: Case) -> None:
    case.token()
    [seen] = case.server.seen
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert b"client_id=app_EMoamEEZ73f0CkXaXp7hrann" in seen.body
    assert b"grant_type=refresh_token" in seen.body


def test_many_processes_redeem_once(case: Case) -> None:
    """AUT-1: they all ask while the only redemption is held at the server."""
    case.endpoint.faults = ["hold"]
    processes = [case.program() for _ in range(6)]
    case.server.wait_for(1)
    case.server.released.set()
    outputs = [process.communicate(timeout=BOUND) for process in processes]
    assert [out for out, _ in outputs] == [b"at-1\n"] * 6, outputs
    assert case.endpoint.asked == ["rt-0"]
    assert case.stored()["generation"] == 4


@pytest.mark.parametrize(
    "url", ["localhost:1", 7, "http://[", "http://a..b/", "http://host:99999/", "ftp://host/", "http://me:secret@host/"]
)
def test_address_that_is_none_spends_nothing(case: Case, url: object) -> None:
    """FLO-1: no other address would do, and the token has gone nowhere."""
    case.config["tokenUrl"] = url
    with pytest.raises(Local) as caught:
        case.token()
    assert caught.value.code == "bad-provider-config"
    assert case.notes() == []


@pytest.mark.parametrize("expires_in", [0, -5, 1, "3600", None, "soon", 1e300, 1e306, True])
def test_wrong_lifetime_does_not_loop(case: Case, expires_in: object) -> None:
    """AUT-6: a token just received is used, now and by the next command."""
    case.endpoint.expires_in = expires_in
    assert case.token() == "at-1"
    assert case.token() == "at-1"
    assert case.endpoint.asked == ["rt-0"]


def test_same_access_token_again_is_renewed_once(case: Case, kit: Any) -> None:
    """A server may give the same one again, for longer: who has waited meanwhile finds the store renewed."""
    case.server.acts["/token"] = [kit.answer(200, {"access_token": "at-old", "expires_in": 3600})]
    stale = Store(case.home).get(PROFILE)
    assert case.token() == "at-old"
    refresh = Credentials(case.home).refresh(PROFILE, "codex", case.config)
    assert refresh.renew(stale, Deadline.after(BOUND)).access == "at-old"
    assert len(case.server.seen) == 1


def test_note_with_a_negative_count_allows_no_more_requests(case: Case) -> None:
    case.endpoint.faults = ["drop"] * 9
    Path(case.home.path, "auth").mkdir(mode=0o700)
    note = pending_path(case.home, PROFILE)
    fingerprint = hashlib.sha256(b"rt-0").hexdigest()[:32]
    Path(note).write_text(json.dumps({"fingerprint": fingerprint, "sends": -1000, "refused": ""}))
    case.sign_in_needed()
    assert len(case.endpoint.asked) == 2


def test_answer_that_trickles_is_lost_in_the_end(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals wait until the answer is stored, so it must not take for ever."""

    def trickle(server: Any, connection: Any, seen: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 X\r\n\r\n")
        while not server.released.wait(0.05):
            connection.sendall(b" ")

    monkeypatch.setattr(endpoint_module, "IDLE_SECONDS", 0.5)
    case.server.acts["/token"] = [trickle]
    case.sign_in_needed()
    assert len(case.server.seen) == 2


def test_rejected_token_is_renewed_whatever_the_clock_says(case: Case) -> None:
    case.write("rt-0", access="at-old", expires=(time.time() + 3600) * 1000)
    assert case.renew("at-old") == "at-1"
    assert case.renew("at-old") == "at-1"  # somebody has been faster: nothing is spent
    assert case.endpoint.asked == ["rt-0"]


class TestReuse:
    """AUT-2: being told that the token was used means to look again."""

    def test_newer_token_in_the_store_is_used(self, case: Case) -> None:
        case.endpoint.live = "rt-9"

        def steal(server: Any, connection: Any, seen: Any) -> None:
            case.write("rt-9", access="at-9", expires=(time.time() + 3600) * 1000)
            case.endpoint(server, connection, seen)

        case.server.acts["/token"] = [steal]
        assert case.token() == "at-9"
        assert case.stored()["refresh"] == "rt-9"

    def test_newer_token_that_is_expired_is_redeemed(self, case: Case) -> None:
        case.endpoint.live = "rt-9"

        def steal(server: Any, connection: Any, seen: Any) -> None:
            case.write("rt-9")
            case.endpoint(server, connection, seen)

        case.server.acts["/token"] = [steal, case.endpoint]
        assert case.token() == "at-1"
        assert case.endpoint.asked == ["rt-0", "rt-9"]

    def test_own_token_used_up(self, case: Case) -> None:
        case.endpoint.live = "rt-9"
        before = Path(case.home.credentials).read_bytes()
        case.sign_in_needed()
        assert Path(case.home.credentials).read_bytes() == before
        case.sign_in_needed()
        assert case.endpoint.asked == ["rt-0"]  # asked once, then known

    def test_new_sign_in_works_again(self, case: Case) -> None:
        case.endpoint.live = "rt-9"
        case.sign_in_needed()
        case.write("rt-9")
        assert case.token() == "at-1"

    @pytest.mark.parametrize(
        "body",
        [
            {"error": "invalid_grant", "error_description": "x"},
            {"error": {"code": "refresh_token_expired"}},
            {"error": {"code": "refresh_token_invalidated", "message": "rt-0"}},
        ],
    )
    @pytest.mark.parametrize("status", [400, 401])
    def test_dialects(self, case: Case, kit: Any, body: Any, status: int) -> None:
        case.server.acts["/token"] = [kit.answer(status, body)]
        error = case.sign_in_needed()
        assert "rt-0" not in json.dumps(error.document())
        case.sign_in_needed()
        assert len(case.server.seen) == 1


class TestTransient:
    """AUT-10: what the server did not do is asked for again with the same token, within a bound."""

    @pytest.mark.parametrize("faults", [["503"], ["429", "503"], ["500"], ["502"], ["500", "503"]])
    def test_recovers(self, case: Case, faults: list[str]) -> None:
        case.endpoint.faults = list(faults)
        assert case.token() == "at-1"
        assert case.endpoint.asked == ["rt-0"] * (len(faults) + 1)
        assert case.notes() == []

    @pytest.mark.parametrize(("status", "count"), [("503", 3), ("429", 3), ("500", 2), ("504", 2)])
    def test_bounded_and_not_remembered(self, case: Case, status: str, count: int) -> None:
        case.endpoint.faults = [status] * count
        with pytest.raises(Auth) as caught:
            case.token()
        assert caught.value.code == "refresh-unavailable"
        assert case.endpoint.asked == ["rt-0"] * count
        assert case.stored()["refresh"] == "rt-0"
        assert case.token() == "at-1"  # the next command starts afresh

    def test_nothing_listens(self, case: Case) -> None:
        case.config["tokenUrl"] = "http://127.0.0.1:1/token"
        with pytest.raises(Auth) as caught:
            case.token()
        assert caught.value.code == "refresh-unavailable"
        case.config["tokenUrl"] = case.server.url + "/token"
        assert case.token() == "at-1"

    @pytest.mark.parametrize(("status", "body"), [(400, {"error": "invalid_request"}), (403, b"<html>"), (302, b"")])
    def test_refused_request_does_not_condemn_the_token(self, case: Case, kit: Any, status: int, body: Any) -> None:
        case.server.acts["/token"] = [*[kit.answer(status, body)] * 4, case.endpoint]
        for _ in range(4):
            with pytest.raises(Auth) as caught:
                case.token()
            assert caught.value.code == "refresh-refused"
        assert case.token() == "at-1"

    def test_error_that_is_the_token_is_not_repeated(self, case: Case, kit: Any) -> None:
        case.write("rt_0123456789")
        case.server.acts["/token"] = [kit.answer(400, {"error": "bad_rt_0123456789"})]
        with pytest.raises(Auth) as caught:
            case.token()
        assert "rt_0123456789" not in json.dumps(caught.value.document())

    def test_long_pause_is_not_waited_for(self, case: Case, kit: Any) -> None:
        case.server.acts["/token"] = [kit.answer(503, {}, {"retry-after": "3600"})]
        begun = time.monotonic()
        with pytest.raises(Auth):
            case.token()
        assert time.monotonic() - begun < 2


class TestLostAnswer:
    """AUT-4 and AUT-5: the old token goes out at most once more, by whichever process."""

    @pytest.mark.parametrize("fault", ["drop", "cut", "500-after"])
    def test_strict_server(self, case: Case, fault: str) -> None:
        case.endpoint.faults = [fault]
        case.sign_in_needed()
        assert case.endpoint.asked == ["rt-0", "rt-0"]
        case.sign_in_needed()
        assert len(case.endpoint.asked) == 2

    @pytest.mark.parametrize("fault", ["drop", "cut", "500-after"])
    def test_lenient_server(self, case: Case, fault: str) -> None:
        lenient = case.endpoint

        def forgive(server: Any, connection: Any, seen: Any) -> None:
            lenient.live = "rt-0"
            lenient(server, connection, seen)

        lenient.faults = [fault]
        case.server.acts["/token"] = [forgive]
        assert case.token() == "at-2"
        assert case.stored()["refresh"] == "rt-2"
        assert lenient.asked == ["rt-0", "rt-0"]

    def test_never_answered(self, case: Case) -> None:
        case.endpoint.faults = ["drop"] * 9
        case.sign_in_needed()
        case.sign_in_needed()
        assert case.endpoint.asked == ["rt-0", "rt-0"]

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"access_token": ""}', b'{"access_token": "a b"}'])
    def test_answer_without_usable_tokens(self, case: Case, kit: Any, body: bytes) -> None:
        case.server.acts["/token"] = [kit.answer(200, body)]
        case.sign_in_needed()
        assert len(case.server.seen) == 2
        assert case.stored()["access"] == "at-old"

    def test_killed_before_the_answer(self, case: Case) -> None:
        case.endpoint.faults = ["hold"]
        process = case.program()
        case.server.wait_for(1)
        process.kill()
        process.communicate(timeout=BOUND)
        case.server.released.set()
        end = time.monotonic() + BOUND
        while case.endpoint.live == "rt-0":  # the server commits all the same
            assert time.monotonic() < end
            time.sleep(0.01)
        case.sign_in_needed()
        case.sign_in_needed()
        assert case.endpoint.asked == ["rt-0", "rt-0"]

    def test_killed_before_the_request(self, case: Case) -> None:
        """The note is older than the request: one send is assumed, and the token still works."""
        case.endpoint.faults = ["503"]
        case.config["tokenUrl"] = case.server.url + "/hang"
        case.server.on("/hang", lambda server, connection, seen: server.released.wait(BOUND))
        process = case.program()
        case.server.wait_for(1)
        process.kill()
        process.communicate(timeout=BOUND)
        assert len(case.notes()) == 1
        assert "rt-0" not in case.notes()[0].read_text()
        case.config["tokenUrl"] = case.server.url + "/token"
        assert case.token() == "at-1"
        assert case.notes() == []

    def test_damaged_note_does_not_lock_out(self, case: Case) -> None:
        Path(case.home.path, "auth").mkdir()
        Path(case.home.path, "auth", "codex%3Adefault.pending.json").write_text("{")
        assert case.token() == "at-1"


def test_signal_between_answer_and_store_waits(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise Stopped("interrupted", "stopped", exit_status=130)

    real = Store.put

    def put(self: Store, *arguments: Any, **named: Any) -> Any:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # not to the server's threads
        return real(self, *arguments, **named)

    monkeypatch.setattr(Store, "put", put)
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(Stopped):
            case.token()
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
    assert case.stored()["refresh"] == "rt-1"
    assert case.notes() == []


def test_full_disk_spends_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", case.home.path)

    monkeypatch.setattr("reference.durable.replace", full)
    with pytest.raises(OSError, match="No space"):
        case.token()
    assert case.endpoint.asked == []
    monkeypatch.undo()
    assert case.token() == "at-1"


def test_change_of_another_profile_during_the_redemption_survives(case: Case) -> None:
    """AUT-7: the redemption is held while another profile is stored."""
    case.endpoint.faults = ["hold"]
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(case.token()))
    thread.start()
    case.server.wait_for(1)
    auth.import_profile(case.home, "new:p", {"access": "a"}, Deadline.after(5))
    case.server.released.set()
    thread.join(BOUND)
    assert found == ["at-1"]
    assert Store(case.home).get("new:p").access == "a"
