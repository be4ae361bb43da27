"""The credential file: one entry changes, every other byte stays; damage is never absence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from reference import auth
from reference.auth.splice import put_profile
from reference.auth.store import Credential, Store, pending_path
from reference.deadline import Deadline
from reference.errors import Auth, Busy, Local, Usage
from reference.home import Home
from reference.locks import Lock

ODD = b"""
{ "note": "kept \\u00e9 \\/ \xc3\xa9",
  "profiles": {"a:x": {"access":"A", "expires": 1.50e3,   "nested":{"}":["{", "\\"",null]}},
\t"b:y"  :  { "access" : "B" , "refresh": "r" },"c:z":{}} , "version" : 1.0 }

"""

TEXTS = [
    ODD,
    b'{"profiles":{}}',
    b'{"profiles":{"b:y":{}}}',
    b"{}",
    b'{"version":1}',
    b'{"a":{"profiles":{"b:y":{}}},"profiles":{"a":{"b:y":1}}}',
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["b:y", "new", 'quo"te', "ü"])
def test_only_the_member_changes(text: bytes, name: str) -> None:
    entry: dict[str, object] = {"access": "x", "list": [1, {"k": "v"}]}
    before = json.loads(text)
    changed = put_profile(text.decode(), name, entry)
    expected = {**before, "profiles": {**before.get("profiles", {}), name: entry}}
    assert json.loads(changed) == expected
    assert put_profile(changed, name, entry) == changed


def test_bytes_of_the_others_stay() -> None:
    changed = put_profile(ODD.decode(), "b:y", {"access": "new"}).encode()
    start = ODD.index(b'{ "access" : "B"')
    end = ODD.index(b',"c:z"')
    assert changed.startswith(ODD[:start])
    assert changed.endswith(ODD[end:])


def test_put_is_private_atomic_and_monotonic(home: Home, deadline: Deadline) -> None:
    store = Store(home)
    path = Path(store.path)
    path.write_bytes(ODD)
    path.chmod(0o644)
    reader = path.open("rb")  # who has the old file open goes on reading the old file
    assert store.put("b:y", {"access": "n", "generation": 4}, deadline).generation == 5
    assert store.put("b:y", {"access": "n", "generation": 2}, deadline).generation == 6
    assert path.stat().st_mode & 0o777 == 0o600
    with reader:
        assert reader.read() == ODD
    assert store.get("b:y").fields()["access"] == "n"
    assert not list(Path(home.path).glob(".credentials*"))


def test_put_instead_of_one_token_leaves_another(home: Home, deadline: Deadline) -> None:
    store = Store(home)
    store.put("p", {"access": "a9", "refresh": "r9"}, deadline)
    before = Path(store.path).read_bytes()
    assert store.put("p", {"access": "a1", "refresh": "r1"}, deadline, instead_of="r0").access == "a9"
    assert Path(store.path).read_bytes() == before
    assert store.put("p", {"access": "a10", "refresh": "r10"}, deadline, instead_of="r9").refresh == "r10"


@pytest.mark.parametrize("there", [{}, {"access": "a"}, {"access": "a", "refresh": ""}, {"refresh": "no token"}, 7])
def test_put_instead_of_what_has_no_usable_token(home: Home, deadline: Deadline, there: object) -> None:
    Path(home.credentials).write_text(json.dumps({"profiles": {"p": there} if there else {}}))
    Store(home).put("p", {"access": "a1", "refresh": "r1"}, deadline, instead_of="r0")
    assert Store(home).get("p").refresh == "r1"


def test_file_that_is_a_link_stays_one(home: Home, deadline: Deadline, tmp_path: Path) -> None:
    """Who shares it by another link finds what was stored, has the same locks, and knows of the same notes."""
    shared = tmp_path / "shared" / "credentials.json"
    shared.parent.mkdir()
    other = Home(str(tmp_path / "other")).make()
    for link in (home.credentials, other.credentials):
        Path(link).symlink_to(shared)
    Store(home).put("p", {"access": "a"}, deadline)
    assert Path(home.credentials).is_symlink()
    assert Store(other).get("p").access == "a"
    assert pending_path(home, "p") == pending_path(other, "p")
    with Store(home).lock("p").acquire(deadline):
        assert not Store(other).lock("p").try_acquire()


def test_first_profile_makes_the_file(home: Home, deadline: Deadline) -> None:
    old = os.umask(0)
    try:
        Store(home).put("p", {"access": "a"}, deadline)
    finally:
        os.umask(old)
    assert Path(home.credentials).stat().st_mode & 0o777 == 0o600
    assert json.loads(Path(home.credentials).read_text())["version"] == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"profiles": []}',
        b'{"profiles": {"p": {}, "p": {}}}',
        b'{"profiles": {"p": {"expires": NaN}}}',
    ],
)
def test_damage_is_typed_and_nothing_is_lost(home: Home, deadline: Deadline, data: bytes) -> None:
    Path(home.credentials).write_bytes(data)
    attempts: list[Any] = [
        lambda: auth.status(home),
        lambda: Store(home).get("p"),
        lambda: auth.import_profile(home, "p", {"access": "new"}, deadline),
    ]
    for attempt in attempts:
        with pytest.raises(Local) as caught:
            attempt()
        assert caught.value.code == "credentials-damaged"
        assert caught.value.detail["path"] == home.credentials
    assert Path(home.credentials).read_bytes() == data


@pytest.mark.parametrize(
    "entry", [7, None, {"access": 7}, {"access": "two words"}, {"refresh": "line\nfeed"}, {"expires": "soon"}]
)
def test_damaged_entry_concerns_its_profile_alone(home: Home, deadline: Deadline, entry: object) -> None:
    """AUT-7: the others are usable, and a new sign-in repairs it."""
    text = json.dumps({"profiles": {"p": entry, "q": {"access": "fine"}}})
    Path(home.credentials).write_text(text)
    with pytest.raises(Local) as caught:
        Store(home).get("p")
    assert caught.value.code == "credentials-damaged"
    assert Store(home).get("q").access == "fine"
    assert [("problem" in profile, profile["profile"]) for profile in auth.status(home)] == [(True, "p"), (False, "q")]
    assert Path(home.credentials).read_text() == text
    auth.import_profile(home, "p", {"access": "new"}, deadline)
    assert Store(home).get("p").access == "new"


def test_busy_file_is_not_absence(home: Home) -> None:
    with Lock(home.lock("credentials")).acquire(Deadline.after(1)), pytest.raises(Busy) as caught:
        Store(home).put("p", {"access": "a"}, Deadline.after(0.1))
    assert caught.value.code == "credentials-busy"
    assert not Path(home.credentials).exists()


def test_absence_is_auth(home: Home) -> None:
    with pytest.raises(Auth) as caught:
        Store(home).get("p")
    assert caught.value.code == "no-credentials"


def test_import_keeps_others_and_hides_tokens(home: Home, deadline: Deadline) -> None:
    Path(home.credentials).write_bytes(ODD)
    entry = {
        "type": "oauth",
        "provider": "codex",
        "access": "at-secret",
        "refresh": "rt-secret",
        "accountId": "acc",
    }
    about = auth.import_profile(home, "codex:default", {**entry, "expires": 9e12}, deadline)
    assert about["generation"] == 1
    assert about["fresh"] is True
    shown = json.dumps([about, auth.status(home)]) + repr(Store(home).get("codex:default"))
    assert "secret" not in shown
    stored = json.loads(Path(home.credentials).read_text())["profiles"]["codex:default"]
    assert stored["account_id"] == "acc"
    assert ODD[: ODD.index(b',"c:z"')] in Path(home.credentials).read_bytes()


@pytest.mark.parametrize(
    "entry", [{}, {"access": ""}, {"access": 7}, {"refresh": "a b"}, {"access": "a", "expires": "x"}]
)
def test_bad_import_changes_nothing(home: Home, deadline: Deadline, entry: dict[str, Any]) -> None:
    with pytest.raises(Usage) as caught:
        auth.import_profile(home, "p", entry, deadline)
    assert caught.value.code == "bad-credential"
    assert not Path(home.credentials).exists()


@pytest.mark.parametrize("profile", ["", "x" * 65, "\U0001f511" * 64, "a\nb", "\udcff"])
def test_import_takes_no_name_that_no_provider_can_name(home: Home, deadline: Deadline, profile: str) -> None:
    with pytest.raises(Usage) as caught:
        auth.import_profile(home, profile, {"access": "a"}, deadline)
    assert caught.value.code == "bad-name"
    assert not Path(home.credentials).exists()


@pytest.mark.parametrize("name", ["", "x" * 300, "\ud800"])
def test_status_shows_the_others_beside_a_name_that_is_none(home: Home, name: str) -> None:
    """AUT-7"""
    Path(home.credentials).write_text(json.dumps({"profiles": {name: {"access": "a"}, "p": {"access": "b"}}}))
    shown = {str(profile["profile"]): profile for profile in auth.status(home)}
    assert "its name is not" in str(shown[name]["problem"])
    assert shown["p"]["fresh"] is True


def test_repr_of_a_credential_shows_no_token() -> None:
    credential = Credential({"provider": "codex", "access": "at-secret", "refresh": "rt-secret"})
    assert "secret" not in f"{credential} {credential!r}"


@pytest.mark.parametrize("profile", ["", "x" * 65, "\U0001f511" * 64, 7, None, "a\nb", "../../etc"])
def test_profile_names(home: Home, profile: Any) -> None:
    config = {"auth": "oauth", "profile": profile}
    with pytest.raises((Local, Auth)) as caught:
        auth.Credentials(home).token("codex", config, Deadline.after(1))
    expected = "no-credentials" if profile == "../../etc" else "bad-provider-config"
    assert caught.value.code == expected
    assert "/" not in os.path.relpath(Store(home).lock("../../etc").path, home.locks)
