"""What `doctor` finds and repairs, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from reference.deadline import Deadline
from reference.locks import Lock

DEAD = 2**22 + 1  # no pid: the kernel gives out none as high


def codes(done: Any) -> set[str]:
    return {problem["code"] for problem in done.json["problems"]}


def test_temporaries_are_found_in_every_folder_that_has_some(ready: Any, tmp_path: Path) -> None:
    """The notes of redemptions have a folder of their own, and a config that is a link lies elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    (ready.home / "config.json").rename(tmp_path / "elsewhere" / "config.json")
    (ready.home / "config.json").symlink_to(tmp_path / "elsewhere" / "config.json")
    (ready.home / "auth").mkdir()
    left = [
        folder / f".{name}.{DEAD}.001122334455.tmp"
        for folder, name in (
            (ready.home, "credentials.json"),
            (ready.home / "auth", "codex%3Adefault.pending.json"),
            (tmp_path / "elsewhere", "config.json"),
        )
    ]
    for path in left:
        path.write_text("half")
    assert {p["path"] for p in ready.run("doctor").json["problems"]} == {str(path) for path in left}
    assert ready.run("doctor", "--fix").status == 0
    assert not any(path.exists() for path in left)
    assert ready.run("doctor").json["problems"] == []


@pytest.mark.parametrize(
    "name",
    [".my.notes.v2.old.tmp", f".config.json.{DEAD}.old.tmp", f"config.json.{DEAD}.001122334455.tmp", ".a.b.².x.tmp"],
)
def test_names_that_only_look_like_temporaries_are_somebody_elses(ready: Any, name: str) -> None:
    (ready.home / name).write_text("mine")
    assert ready.run("doctor", "--fix").json["problems"] == []
    assert (ready.home / name).read_text() == "mine"


@pytest.mark.parametrize("content", ["", "garbage", '{"profiles": []}', '{"profiles": {"p": {"access": "a b"}}}'])
def test_damaged_credentials_are_found_and_left_to_a_person(ready: Any, content: str) -> None:
    path = ready.home / "credentials.json"
    path.write_text(content)
    path.chmod(0o600)
    for words in (("doctor",), ("doctor", "--fix")):
        done = ready.run(*words)
        assert (done.status, done.code, codes(done)) == (1, "problems-found", {"credentials-damaged"})
        assert "--fix" not in done.json["error"]["hint"]
    assert path.read_text() == content


def test_damaged_cooldowns_are_put_aside(ready: Any) -> None:
    (ready.home / "cooldowns.json").write_text("garbage")
    assert ready.agent("lane0", "hello").code == "cooldowns-damaged"
    assert codes(ready.run("doctor")) == {"cooldowns-damaged"}
    assert ready.run("doctor", "--fix").status == 0
    assert ready.agent("lane0", "hello").status == 0
    assert [path.read_text() for path in ready.home.glob("cooldowns.json.damaged-*")] == ["garbage"]


def test_what_cannot_be_looked_at_does_not_hide_the_rest(ready: Any) -> None:
    (ready.home / "config.json").rename(ready.work / "config.json")
    (ready.home / "config.json").mkdir()
    (ready.home / "cooldowns.json").write_text("garbage")
    assert codes(ready.run("doctor")) == {"is-a-directory", "cooldowns-damaged"}
    done = ready.run("doctor", "--fix")
    assert (done.status, [p["code"] for p in done.json["problems"] if p["fixed"]]) == (1, ["cooldowns-damaged"])


def test_a_repair_that_fails_is_told_of_and_the_others_are_done(ready: Any) -> None:
    (ready.home / "config.json").write_text("{")
    (ready.home / "cooldowns.json").write_text("garbage")
    with Lock(str(ready.home / "locks" / "config.lock")).acquire(Deadline.after(1)):
        done = ready.run("doctor", "--fix")
    assert (done.status, [p["code"] for p in done.json["problems"] if p["fixed"]]) == (1, ["cooldowns-damaged"])
    assert "is in use by process" in done.json["error"]["message"]
    assert ready.run("doctor", "--fix").status == 0


def test_repairs_at_once_put_one_config_aside(ready: Any) -> None:
    """The second must not take what the first has restored for damage, nor what was added to it since."""
    (ready.home / "config.json").write_text("{")
    (ready.home / "runs.sqlite").write_bytes(b"garbage" * 1000)
    doctors = [ready.start("doctor", "--fix", "--json") for _ in range(6)]
    assert [ready.finish(doctor).status for doctor in doctors] == [0] * 6
    aside = sorted(path.name.partition(".damaged-")[0] for path in ready.home.glob("*.damaged-*"))
    assert aside == ["config.json", "runs.sqlite"]
    assert json.loads((ready.home / "config.json").read_bytes())["agents"].keys() == {"lane0"}


def test_the_socket_of_a_gateway_that_has_begun_meanwhile_stays(ready: Any) -> None:
    """Between the look and the repair a gateway may take the place of a killed one."""
    from reference.commands import doctor
    from reference.home import Home

    home = Home(str(ready.home))
    path = ready.home / "gateway.sock"
    path.write_text("")
    [problem] = doctor._socket(home)
    with Lock(home.lock("gateway")).acquire(Deadline.after(1)):
        problem.try_repair()
        assert path.exists()
    problem.try_repair()
    assert not path.exists()


def test_cooldown_without_end_is_none(ready: Any) -> None:
    """An integer that is no float is none that a provider asked for."""
    rests = {"model:anthropic/claude-sonnet-4-6": {"since": 0, "until": 10**400}}
    (ready.home / "cooldowns.json").write_text(json.dumps({"cooldowns": rests}))
    assert ready.agent("lane0", "hello").status == 0


def test_what_is_no_socket_is_put_aside_and_not_lost(ready: Any) -> None:
    (ready.home / "gateway.sock").write_text("precious")
    assert codes(ready.run("doctor")) == {"not-a-socket"}
    assert ready.run("doctor", "--fix").status == 0
    [aside] = ready.home.glob("gateway.sock.damaged-*")
    assert aside.read_text() == "precious"
    assert ready.run("doctor").json["problems"] == []


@pytest.mark.parametrize("words", [("doctor",), ("doctor", "--fix")])
def test_lock_that_is_a_pipe_hangs_nobody(ready: Any, words: tuple[str, ...]) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(ready.home / "gateway.sock"))
    (ready.home / "locks").mkdir(exist_ok=True)
    os.mkfifo(ready.home / "locks" / "gateway.lock")
    assert codes(ready.run(*words)) == {"socket-left"}


WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")  # root may write everywhere


@pytest.fixture
def unprivileged(ready: Any) -> Any:
    """Runs a command of the reference to which permissions apply, also where the tests are root's."""
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv(1) here")
    plain = ready.argv
    ready.argv = lambda *words, **more: [*(WITHOUT_PRIVILEGES if os.geteuid() == 0 else ()), *plain(*words, **more)]
    yield ready
    for folder in (ready.home, ready.home / "locks", ready.home / "sessions"):
        folder.chmod(0o700)


@pytest.mark.parametrize("folder", [".", "locks", "sessions"])
@pytest.mark.parametrize("mode", [0o500, 0])
def test_a_folder_that_cannot_be_written_is_given_back(unprivileged: Any, folder: str, mode: int) -> None:
    """What `chmod -R a-w` does, or an umask, and it hides everything below."""
    (unprivileged.home / folder).chmod(mode)
    found = unprivileged.run("doctor")
    assert (found.status, "not-writable" in codes(found)) == (1, True)
    assert found.json["error"]["hint"] == "repair it with `reference doctor --fix`"
    assert unprivileged.run("doctor", "--fix").status == 0
    assert unprivileged.run("doctor").json["problems"] == []
    assert unprivileged.agent("lane0", "hello").status == 0


def test_an_umask_does_not_keep_us_from_our_own_files(unprivileged: Any) -> None:
    for words in (("agents", "add", "lane2", "--workspace", str(unprivileged.work / "lane2")), ("agents", "list")):
        assert unprivileged.run(*words, umask=0o777).status == 0
    for _ in range(2):
        assert unprivileged.agent("lane2", "run: true", umask=0o777).status == 0
    assert unprivileged.run("doctor").json["problems"] == []
