"""The config file under concurrency, crashes and damage (CFG-1 to CFG-8, CFG-11)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference import jsonfile
from reference.auth.store import Store
from reference.config import ConfigStore, encode
from reference.deadline import Deadline
from reference.errors import Local
from reference.home import Home


def add(program: Any, name: str, **options: Any) -> Any:
    return program.start("agents", "add", name, "--json", "--workspace", str(program.work / name), **options)


def test_concurrent_adds_are_all_there(program: Any) -> None:
    names = [f"lane{n}" for n in range(8)]
    done = [program.finish(process) for process in [add(program, name) for name in names]]
    assert [d.status for d in done] == [0] * 8
    assert sorted(program.names()) == names


def test_same_name_has_one_winner(program: Any) -> None:
    done = [program.finish(process) for process in [add(program, "lane0") for _ in range(6)]]
    assert sorted(d.status for d in done) == [0, 2, 2, 2, 2, 2]
    assert {d.code for d in done if d.status} == {"agent-exists"}
    assert program.names() == ["lane0"]


def test_unknown_keys_and_order_survive(program: Any) -> None:
    before = {"zeta": {"deep": [1, 2.5, None]}, "agents": {}, "alpha": "ä", "half": "\ud800"}
    before |= {"limits": {"unknown": "text"}, "providers": {"p": {"unknown": {}}}}
    program.write_config(before)
    program.add("lane0")
    assert program.run("agents", "delete", "lane0").status == 0
    after = program.config()
    assert after == before
    assert list(after) == list(before)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", (0, 0)),
        (b"   \n", (0, 0)),
        (b'{"agents": {', (1, 13)),
        (b'{\n  "agents": {},\n  oops\n}', (3, 3)),
        (b"[1]", (0, 0)),
        (b'{"agents": []}', (0, 0)),
        (b'{"agents": {"a": 1}}', (0, 0)),
        (b'{"a": 1, "a": 2}', (0, 0)),
        (b'{"a": NaN}', (0, 0)),
        (b'{"a": 1e999}', (0, 0)),
        (b'{"limits": {"graceSeconds": "two"}}', (0, 0)),
        (b'{"limits": {"graceSeconds": 1e300}}', (0, 0)),
        (b'{"limits": {"maxDepth": "deep"}}', (0, 0)),
        (b'{"models": [1]}', (0, 0)),
        (b'{"providers": {"a": []}}', (0, 0)),
        (b"\xff\xfe", (1, 1)),
        (b'{"a":' * 100_000, (0, 0)),
        (b'{"a": ' + b"9" * 5000 + b"}", (0, 0)),
    ],
)
def test_damage_is_an_error_and_never_defaults(program: Any, content: bytes, place: tuple[int, int]) -> None:
    program.home.mkdir()
    path = program.home / "config.json"
    path.write_bytes(content)
    for words in (("agents", "list"), ("agents", "delete", "x"), ("agent", "--agent", "x", "--message", "m")):
        done = program.run(*words)
        assert (done.status, done.code) == (1, "config-damaged")
        detail = done.json["error"]["detail"]
        assert (detail["line"], detail["column"]) == place
        assert detail["path"] == str(path)
        assert detail["backup"] is None
    assert program.finish(add(program, "lane0")).code == "config-damaged"
    assert path.read_bytes() == content


def test_a_key_that_stands_twice_among_very_many_is_found_at_once(tmp_path: Path) -> None:
    members = ",".join(f'"{number}": 0' for number in [*range(100_000), 99_999])
    (tmp_path / "config.json").write_text("{" + members + "}")
    begun = time.process_time()
    with pytest.raises(Local, match="'99999' stands twice"):
        ConfigStore(Home(str(tmp_path))).read()
    assert time.process_time() - begun < 10  # minutes, when each key was compared with each


def test_damage_names_the_newest_good_backup_and_doctor_restores_it(program: Any) -> None:
    program.add("lane0", "lane1", "lane2")
    path = program.home / "config.json"
    path.write_bytes(b'{"agents"')
    done = program.run("agents", "list")
    assert done.json["error"]["detail"]["backup"] == f"{path}.bak.1"
    looked = program.run("doctor")
    assert (looked.status, looked.json["problems"][0]["code"]) == (1, "config-damaged")
    assert path.read_bytes() == b'{"agents"'
    assert program.run("doctor", "--fix").status == 0
    assert program.names() == ["lane0", "lane1"]
    assert [p.read_bytes() for p in program.home.glob("config.json.damaged-*")] == [b'{"agents"']


def test_a_config_that_vanished_is_not_a_new_one(program: Any) -> None:
    program.add("lane0", "lane1")
    (program.home / "config.json").unlink()
    done = program.finish(add(program, "lane2"))
    assert (done.status, done.code) == (1, "config-missing")
    assert not (program.home / "config.json").exists()
    assert program.run("doctor", "--fix").status == 0
    assert program.names() == ["lane0"]


def test_three_backups_are_kept(program: Any) -> None:
    program.add(*[f"lane{n}" for n in range(6)])
    counts = [len(json.loads((program.home / f"config.json.bak.{n}").read_bytes())["agents"]) for n in (1, 2, 3)]
    assert counts == [5, 4, 3]
    assert not (program.home / "config.json.bak.4").exists()


def test_linked_config_is_written_through(program: Any, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    real = dotfiles / "config.json"
    real.write_text("{}")
    program.home.mkdir()
    (program.home / "config.json").symlink_to(real)
    program.add("lane0")
    assert (program.home / "config.json").is_symlink()
    assert list(json.loads(real.read_bytes())["agents"]) == ["lane0"]


def test_link_into_nowhere_is_not_a_new_config(program: Any, tmp_path: Path) -> None:
    program.home.mkdir()
    (program.home / "config.json").symlink_to(tmp_path / "unmounted" / "config.json")
    done = program.finish(add(program, "lane0"))
    assert (done.status, done.code) == (1, "config-missing")
    assert not (tmp_path / "unmounted").exists()


def test_two_homes_with_one_linked_config_share_its_lock(program: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    program.add("first")
    other.mkdir()
    (other / "config.json").symlink_to(program.home / "config.json")
    env = program.env(REFERENCE_HOME=str(other))
    started = [add(program, f"lane{n}", **({"env": env} if n % 2 else {})) for n in range(6)]
    assert [program.finish(process).status for process in started] == [0] * 6
    assert len(program.names()) == 7


def test_permissions_of_the_file_are_kept(program: Any) -> None:
    program.add("lane0")
    path = program.home / "config.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert program.home.stat().st_mode & 0o777 == 0o700
    path.chmod(0o640)
    program.add("lane1")
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")
def test_root_does_not_take_the_file_away(program: Any) -> None:
    program.add("lane0")
    path = program.home / "config.json"
    os.chown(path, 12345, 23456)
    program.add("lane1")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)
    path.write_text("{")
    assert program.run("doctor", "--fix").status == 0
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")
def test_root_does_not_take_credentials_away(tmp_path: Path) -> None:
    store = Store(Home(str(tmp_path)).make())
    store.put("codex:default", {"access": "a", "refresh": "r"}, Deadline.after(1))
    os.chown(store.path, 12345, 23456)
    store.put("codex:default", {"access": "b", "refresh": "s"}, Deadline.after(1))
    now = Path(store.path).stat()
    assert (now.st_uid, now.st_gid, now.st_mode & 0o777) == (12345, 23456, 0o600)
    assert store.get("codex:default").access == "b"


@pytest.mark.parametrize("damage", [lambda path: path.write_text("{"), Path.unlink], ids=["damaged", "gone"])
def test_repair_keeps_the_permissions(program: Any, damage: Callable[[Path], object]) -> None:
    program.add("lane0")
    path = program.home / "config.json"
    path.chmod(0o640)
    program.add("lane1")  # from now on there is a backup
    damage(path)
    assert program.run("doctor", "--fix").status == 0
    assert path.stat().st_mode & 0o777 == 0o640


def test_busy_lock_is_typed_and_names_its_holder(tmp_path: Path) -> None:
    store = ConfigStore(Home(str(tmp_path)).make())
    with store.lock(store.path).acquire(Deadline.after(None)), pytest.raises(Local) as caught:
        store.change(lambda config: None, Deadline.after(0.05))
    assert caught.value.code == "config-busy"
    assert caught.value.exit_status == 75
    holder = caught.value.detail["holder"]
    assert isinstance(holder, dict)
    assert holder["pid"] == os.getpid()


HOLDER = """
import sys, signal
from reference.deadline import Deadline
from reference.locks import Lock
Lock(sys.argv[1]).acquire(Deadline.after(None))
print("held", flush=True)
signal.pause()
"""


def test_killed_holder_frees_the_lock(program: Any) -> None:
    """A command waits while the holder lives, and goes on at once when it is killed."""
    program.add("lane0")
    path = program.home / "locks" / "config.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    waiting = add(program, "lane1")
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.5)
    assert json.loads(path.read_bytes())["pid"] == holder.pid
    holder.kill()
    assert program.finish(waiting).status == 0
    holder.wait(10)
    holder.stdout.close()
    assert program.names() == ["lane0", "lane1"]


def test_what_the_edit_raises_leaves_the_file_alone(tmp_path: Path) -> None:
    store = ConfigStore(Home(str(tmp_path)).make())
    store.change(lambda config: config.update(a=1), Deadline.after(5))
    before = Path(store.path).read_bytes()

    def edit(config: dict[str, Any]) -> None:
        config["a"] = 2
        raise Local("test", "no")

    with pytest.raises(Local, match="no"):
        store.change(edit, Deadline.after(5))
    assert Path(store.path).read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "locks", "sessions"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_what_is_read_is_written_back_unchanged(config: dict[str, Any]) -> None:
    assert jsonfile.parse_object(encode(config)) == config


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_a_config_or_a_typed_error(tmp_path: Path, data: bytes) -> None:
    store = ConfigStore(Home(str(tmp_path)))
    Path(store.path).write_bytes(data)
    try:
        seen: object = store.read()
    except Local as error:
        seen = error.code
    assert isinstance(seen, dict) or seen == "config-damaged"
    assert Path(store.path).read_bytes() == data
