"""What the harness finds out by looking: whose token stands in a store, how often a tool ran, who has a connection."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.events import fingerprint
from fakes.oauth import OAuthSettings
from fakes.oauth.rules import Grant
from fakes.oauth.state import OAuthState
from harness.checkers.large_state import CHILDREN, DESCRIPTORS
from harness.events import FileSeen
from harness.lab import Lab
from harness.lab.look import Look, document
from harness.processes import tree
from harness.targets.extras import break_lock
from harness.targets.protocol import Site, Turn
from harness.targets.reference import ReferenceTarget


class Stand:
    """What `Look` asks a lab for, and what it has recorded there; commands are those of a real lab."""

    effect, effects, within, words = Lab.effect, Lab.effects, Lab.within, Lab.words

    def __init__(self, root: Path) -> None:
        (root / "beats").mkdir()
        self.site = Site(
            root=root, home=root / "home", workspaces=root / "ws", tmp=root, url="http://127.0.0.1:9",
            ca_file=root / "ca.pem",
        )  # fmt: skip
        self.seen: list[FileSeen] = []
        self.record = self.seen.append
        self.stored: object = None
        self.opaque: set[Path] = set()
        self.fakes = SimpleNamespace(oauth=OAuthState(OAuthSettings(), lambda: 1000.0))
        self.target = SimpleNamespace(
            profile=lambda site, which: self.stored if which == "main" else None,
            credentials_files=lambda site: [],
            command=lambda site, intent: SimpleNamespace(argv=(sys.executable, "-c", ""), env={"A": "b c"}, cwd=root),
        )

    @property
    def look(self) -> Any:
        return Look(self)  # type: ignore[arg-type]


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def test_the_generation_of_a_stored_token_however_it_is_written(stand: Stand) -> None:
    oauth = stand.fakes.oauth
    first = oauth.seed("codex", account="a")
    _, issued = oauth.redeem(Grant(refresh_token=first.refresh_token, client_id=oauth.settings.client_id))
    stores = [
        {"refresh": first.refresh_token, "n": 1},
        {"tokens": [{"id": "x"}, {"refresh_token": issued.refresh_token}]},
        {"refresh": "unknown"},
        None,
    ]
    for stand.stored in stores:
        stand.look.credentials("now")
    facts = [seen.facts for seen in stand.seen if seen.role == "profile main"]
    assert [(fact["family"], fact["generation"]) for fact in facts] == [
        ("codex", 0),
        ("codex", 1),
        ("", None),
        ("", None),
    ]


def test_a_token_is_found_however_it_is_written_and_in_the_name_of_a_file(stand: Stand) -> None:
    """AUT-9. The name that is told has no token in it."""
    token = stand.fakes.oauth.seed("codex", account="a").refresh_token
    stand.secrets = stand.fakes.oauth.secrets
    stand.site.home.mkdir()
    (stand.site.home / "log").write_text(f"authorization: {b64encode(f'codex:{token}'.encode()).decode()}")
    (stand.site.home / "harmless").write_text(fingerprint(token))
    (stand.site.home / f"cache-{token}.json").write_text("{}")
    stand.look.secrets()
    mark = fingerprint(token)
    seen = [(seen.where, seen.fingerprint) for seen in stand.seen]
    assert seen == [(f"home/cache-«redacted:{mark}».json", mark), ("home/log", mark)]


def test_links_are_looked_through_within_the_run_and_left_alone_where_they_lead_out_of_it(
    stand: Stand, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """AUT-9. Codex links to its own binary of some hundred megabytes; a ring of links is nobody's file."""
    token = stand.fakes.oauth.seed("codex", account="a").refresh_token
    stand.secrets = stand.fakes.oauth.secrets
    home, outside = stand.site.home, tmp_path_factory.mktemp("elsewhere") / "program"
    shared = stand.site.root / "shared"
    home.mkdir()
    for path in (outside, shared):
        path.write_text(token)
        path.chmod(0o644)
    (home / "program").symlink_to(outside)
    (home / "ring").symlink_to(home / "ring")
    (home / "link").symlink_to(shared)
    stand.look.exposed()
    stand.look.secrets()
    assert [getattr(seen, "path", getattr(seen, "where", "")) for seen in stand.seen] == [
        str(home / "link"),
        "home/link",
    ]


def test_a_key_may_stay_where_it_is_kept_and_nowhere_else(stand: Stand) -> None:
    """AUT-9. A backup of the file that keeps it is no leak; a log is, and the file with the key once more."""
    key = "sk-ant-api03-of-a-person-0123456789"
    stand.api_keys = lambda: frozenset({key})
    home = stand.site.home
    for folder in (home, stand.site.workspaces):
        folder.mkdir()
    stand.site = replace(stand.site, tmp=home / "none")
    (home / "config.json").write_text(f'{{"apiKey": "{key}"}}')
    (home / "models.json").write_text(f'{{"apiKey": "{key}"}}')
    (home / "table").write_text("nothing yet")
    look = stand.look
    look.keys_kept()
    (home / "config.json.bak.1").write_text(f'{{"apiKey": "{key}"}}')
    look.keys()
    assert stand.seen == []
    (home / "log").write_text(f"authorization: Bearer {key}")
    (home / "models.json").write_text(f'{{"apiKey": "{key}", "lastError": "wrong key: {key}"}}')
    (home / "table").write_text(b64encode(key.encode()).decode())
    (stand.site.workspaces / "crash.txt").write_text(key)
    (stand.site.workspaces / "few.txt").write_text(f"{key[:14]}...{key[-4:]}")
    (stand.site.workspaces / "half.txt").write_text(f"the key {key[:20]}")
    look.keys()
    whole = ["home/log", "home/models.json", "home/table", "ws/crash.txt"]
    assert [seen.where for seen in stand.seen] == [*whole, "ws/half.txt, cut in half"]


def test_a_copy_of_a_closed_file_that_is_open_is_seen(stand: Stand) -> None:
    """AUT-9. What was open before stays unmentioned."""
    key = "sk-ant-api03-of-a-person-0123456789"
    stand.api_keys = lambda: frozenset({key})
    home = stand.site.home
    home.mkdir()
    for name, mode in (("config.json", 0o600), ("models.json", 0o644)):
        (home / name).write_text(key)
        (home / name).chmod(mode)
    look = stand.look
    look.keys_open()
    look.keys_opened()
    assert stand.seen == []
    (home / "config.json.bak").write_text(key)
    (home / "config.json.bak").chmod(0o640)
    look.keys_opened()
    assert [(seen.role, seen.path, seen.mode) for seen in stand.seen] == [
        ("exposed", str(home / "config.json.bak"), 0o640)
    ]


def test_a_key_that_strays_is_known_by_the_provider_that_has_one_of_its_own(stand: Stand) -> None:
    """AUT-9. A key that was given to two providers is both's."""
    stand.fakes.shown_keys = {"anthropic": frozenset("a"), "gemini": frozenset("ag"), "codex": frozenset("g")}
    stand.look.keys_astray()
    stand.fakes.shown_keys = {"anthropic": frozenset("a"), "gemini": frozenset("a")}
    stand.look.keys_astray()
    assert [(seen.where, seen.fingerprint) for seen in stand.seen] == [
        ("a request to gemini, and in one to anthropic", fingerprint("a")),
        ("a request to gemini, and in one to codex", fingerprint("g")),
    ]


def test_a_key_that_another_server_was_shown_is_told_and_words_that_are_none_are_not(stand: Stand) -> None:
    """AUT-9. What a program shows of its own accord, and no provider was shown, is nobody's key."""
    seeded = stand.fakes.oauth.seed("codex", account="a")
    token, refresh = seeded.access_token, seeded.refresh_token
    stand.secrets, stand.api_keys = stand.fakes.oauth.secrets, lambda: {"a key"}  # type: ignore[attr-defined]
    shown = {"anthropic": frozenset({"a key", "dummy"}), "codex": frozenset({token})}
    redeemed = {fingerprint(refresh), fingerprint("dummy")}
    other: Any = SimpleNamespace(fakes=SimpleNamespace(shown_keys=shown), redeemed=redeemed)
    stand.look.keys_elsewhere(other, "gemini")
    assert {seen.fingerprint for seen in stand.seen} == {fingerprint(each) for each in ("a key", token, refresh)}
    assert all("another server than gemini's" in seen.where for seen in stand.seen)
    nothing: Any = SimpleNamespace(fakes=SimpleNamespace(shown_keys={}), redeemed=set())
    stand.look.keys_elsewhere(nothing, "gemini")
    assert len(stand.seen) == 3


def test_keys_that_no_program_knows_are_told_by_their_paths(tmp_path: Path) -> None:
    """CFG-6. Those of an agent's entry, and of a document's own all."""
    config = tmp_path / "config.json"
    config.write_text('{"agents": {"a": {"workspace": "/a", "x-note": 1}}, "x-own": {"x-within": 2}}')
    assert list(document("config", config).facts["keys"]) == ["agents", "x-own", "agents/a/x-note", "x-own/x-within"]


def test_what_a_process_has_open_is_counted_and_so_are_children_that_nobody_waits_for(stand: Stand) -> None:
    """RES-4. A zombie is a child until it is waited for."""
    actor: Any = SimpleNamespace(name="g", pid=os.getpid())
    stand.processes = lambda name: {os.getpid()}  # type: ignore[attr-defined]
    stand.look.holdings(actor, "before")
    pipe, child = os.pipe(), subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    stand.look.holdings(actor, "after")
    child.wait()
    for end in pipe:
        os.close(end)
    before, after = (seen.facts for seen in stand.seen)
    assert after[DESCRIPTORS] - before[DESCRIPTORS] == 2
    assert after[CHILDREN] - before[CHILDREN] == 1


def test_nobody_says_that_a_database_is_torn(stand: Stand) -> None:
    """Nor its write-ahead log, which is named after it; a document beside it is judged as ever."""
    stand.site.home.mkdir()
    database, log, other = (stand.site.home / name for name in ("state.db", "state.db-wal", "state.json"))
    for path in (database, log, other):
        path.write_bytes(b"SQLite format 3\0")
    stand.opaque = {database}
    stand.target.credentials_files = lambda site: [database, log, other]
    stand.target.config_file = lambda site: database
    stand.look.credentials("now")
    stand.look.config()
    assert [(seen.path, seen.exists, seen.parses) for seen in stand.seen if not seen.role.startswith("profile")] == [
        (str(database), True, None),
        (str(log), True, None),
        (str(other), True, False),
    ]


def test_which_workspaces_there_are(stand: Stand) -> None:
    for name in ("b", "a"):
        (stand.site.workspaces / name / "inner").mkdir(parents=True)
    stand.look.workspaces()
    assert [(seen.role, seen.facts) for seen in stand.seen] == [("workspaces", {"names": ["a", "b"]})]


def test_effects_are_counted(stand: Stand) -> None:
    stand.look.effect("it")
    for _ in range(2):
        subprocess.run(stand.effect("it"), shell=True, check=True)
        stand.look.effect("it")
    assert [(seen.exists, seen.facts["times"]) for seen in stand.seen] == [(False, 0), (True, 1), (True, 2)]


@pytest.mark.parametrize(("code", "ended"), [("raise SystemExit(3)", 1), ("import os; os.kill(os.getppid(), 9)", 0)])
def test_a_command_within_a_tool_counts_its_beginning_and_its_end(stand: Stand, code: str, ended: int) -> None:
    command = SimpleNamespace(argv=(sys.executable, "-c", code), env={"A": "b c"}, cwd=stand.site.root)
    stand.target.command = lambda site, intent: command
    subprocess.run(["sh", "-c", stand.within(Turn(agent="a", message="m"), "in")], check=False)
    for name in ("in-begun", "in-ended"):
        stand.look.effect(name)
    assert [seen.facts["times"] for seen in stand.seen] == [1, ended]


def test_a_folder_that_goes_away_does_not_end_the_look(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = stand.site.workspace("lane0") / "inner"
    inner.mkdir(parents=True)
    before, scandir = stand.look.workspace("lane0", "before"), os.scandir

    def gone(path: Any) -> Any:
        if Path(path) == inner:
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", gone)
    assert stand.look.workspace("lane0", "meanwhile") == before
    monkeypatch.undo()
    (inner / "file").write_text("written")
    assert stand.look.workspace("lane0", "after") != before


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


STRANGE = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": bind,
    "ring": lambda path: path.symlink_to(path.name),
    "depth": lambda path: path.write_text("[" * 100_000),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_document_is_there_and_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    STRANGE[kind](tmp_path / "config.json")
    seen = document("config", tmp_path / "config.json")
    assert (seen.exists, seen.parses) == (True, False)
    assert document("config", tmp_path / "config.json" / "below").exists is (kind == "ring")


def test_a_file_that_we_have_no_descriptor_for_is_our_failure(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            document("config", tmp_path / "config.json")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_whose_connection_a_port_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        port = client.getsockname()[1]
        assert tree.connected(os.getpid(), port)
        assert not tree.connected(os.getppid(), port)
    assert not tree.connected(os.getpid(), port)


def test_break_lock_of_the_reference(stand: Stand) -> None:
    locks = stand.site.home / ".reference" / "locks"
    assert not break_lock(ReferenceTarget(), stand.site, "lane0")
    locks.mkdir(parents=True)
    for name in ("session-lane0.main.lock", "session-all.all.lock", "config.lock"):
        (locks / name).touch()
    assert break_lock(ReferenceTarget(), stand.site, "lane0")
    assert [path.name for path in locks.iterdir()] == ["config.lock"]
