"""Whatever stands in a file of the state: a typed error or the work done, and nothing else is lost (RES-5).

`pytest tests/reference/test_hostile_state.py --hypothesis-profile long` tries two thousand damaged states.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reference.conftest import Program, Provider

LONG = settings.get_current_profile_name() == "long"
COMMANDS: dict[str, tuple[str, ...]] = {
    "agents-add": ("agents", "add", "lane2", "--workspace", "WORK/lane2"),
    "agents-list": ("agents", "list"),
    "agents-delete": ("agents", "delete", "lane1"),
    "agent": ("agent", "--local", "--agent", "lane0", "--message", "again", "--timeout", "20"),
    "runs-list": ("runs", "list", "--all"),
    "runs-show": ("runs", "show", "RUN"),
    "auth-status": ("auth", "status"),
    "doctor": ("doctor",),
    "doctor-fix": ("doctor", "--fix"),
}
STATUSES = (0, 1, 2, 75)
CHANGING = ("runs.sqlite", "locks/")  # what a command that fails for another reason may write to all the same

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@dataclass(frozen=True)
class Damage:
    """A file of the state is not what it was; `what` says how, for the one who reads a failure."""

    what: str
    change: Callable[[bytes], bytes]

    def befall(self, path: Path) -> None:
        path.write_bytes(self.change(path.read_bytes()))


@dataclass(frozen=True)
class NoFile:
    """What stands in the place of a file is none."""

    make: Callable[[Path], None]

    def befall(self, path: Path) -> None:
        path.unlink()
        self.make(path)


def flipped(data: bytes, places: list[float]) -> bytes:
    changed = bytearray(data)
    for place in places:
        if changed:
            changed[int(place * len(changed))] ^= 0xFF
    return bytes(changed)


def of_another_type(data: bytes, place: float, value: object) -> bytes:
    """One value of a JSON document, or of the JSON line at that place, is another; elsewhere it is only text."""
    lines = data.split(b"\n")
    number = int(place * len(lines))
    try:
        document = json.loads(lines[number] if len(lines) > 3 else data)
    except ValueError:
        return data + json.dumps(value).encode()
    spots = list(_spots(document))
    holder, key = spots[int(place * len(spots))] if spots else ([document], 0)
    holder[key] = value
    encoded = json.dumps(document if spots else value).encode()
    return encoded if len(lines) <= 3 else b"\n".join([*lines[:number], encoded, *lines[number + 1 :]])


def _spots(document: object) -> Iterator[tuple[dict[object, object] | list[object], object]]:
    found = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in list(found):
        yield document, key  # type: ignore[misc]
        yield from _spots(value)


def _nowhere(path: Path) -> None:
    path.symlink_to("nowhere/at/all")


def _itself(path: Path) -> None:
    path.symlink_to(path.name)


fractions = st.floats(0, 1, exclude_max=True)
damages = st.one_of(
    st.builds(lambda part: Damage(f"cut off at {part}", lambda data: data[: int(part * len(data))]), fractions),
    st.builds(
        lambda places: Damage(f"bytes flipped at {places}", lambda data: flipped(data, places)),
        st.lists(fractions, min_size=1, max_size=8),
    ),
    st.builds(
        lambda place, value: Damage(f"{value!r} at {place}", lambda data: of_another_type(data, place, value)),
        fractions,
        json_values,
    ),
    st.builds(lambda junk: Damage(f"{junk!r} instead", lambda _: junk), st.binary(max_size=40)),
    st.builds(lambda junk: Damage(f"{junk!r} behind", lambda data: data + junk), st.binary(min_size=1, max_size=40)),
    st.just(Damage("zeroes", lambda data: bytes(len(data)))),
    st.just(Damage("nested deeply", lambda _: b"[" * 100_000)),
    st.just(Damage("a number without end", lambda _: b"9" * 100_000)),
    st.sampled_from([NoFile(os.mkfifo), NoFile(os.mkdir), NoFile(_nowhere), NoFile(_itself)]),
)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A state directory of which every part has been used, and the id of a run in it."""
    folder = tmp_path_factory.mktemp("used")
    program, provider = Program(folder / "home", folder), Provider()
    try:
        program.write_config(provider.config())
        program.add("lane0", "lane1")
        tokens = {"provider": "codex", "access": "at", "refresh": "rt", "expires": 9e12, "account_id": "a"}
        (folder / "tokens.json").write_text(json.dumps(tokens))
        words = ("auth", "import", "--profile", "codex:default", "--file", str(folder / "tokens.json"))
        assert program.run(*words).status == 0
        run = str(program.agent("lane0", "run: true").json["run"]["id"])
        assert program.agent("lane1", "hello").status == 0
        assert program.agent("lane1", "status: 503").status == 1
        yield program.home, run
    finally:
        program.kill_all()
        provider.close()


def files(home: Path) -> dict[str, bytes]:
    found = (path for path in home.rglob("*") if path.is_file())
    return {str(path.relative_to(home)): path.read_bytes() for path in found}


@settings(
    max_examples=2000 if LONG else 60,
    derandomize=not LONG,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_a_damaged_file(
    used: tuple[Path, str], provider: Provider, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    home, run = used
    name = data.draw(st.sampled_from(sorted(files(home))), label="file")
    command = data.draw(st.sampled_from(sorted(COMMANDS)), label="command")
    damage = data.draw(damages, label="damage")
    folder = tmp_path_factory.mktemp("damaged")
    try:
        shutil.copytree(home, folder / "home")
        (folder / "work").mkdir()
        _point_to(provider, folder / "home" / "config.json", folder / "work")
        damage.befall(folder / "home" / name)
        _run_and_judge(Program(folder / "home", folder / "work"), command, run, name)
    finally:
        shutil.rmtree(folder)


def _point_to(provider: Provider, config: Path, work: Path) -> None:
    document = json.loads(config.read_bytes())
    document["providers"]["anthropic"]["baseUrl"] = provider.url
    for agent, entry in document["agents"].items():
        entry["workspace"] = str(work / agent)
        (work / agent).mkdir()
    config.write_text(json.dumps(document))


def _run_and_judge(program: Program, command: str, run: str, damaged: str) -> None:
    before = files(program.home)
    words = [word.replace("WORK", str(program.work)).replace("RUN", run) for word in COMMANDS[command]]
    try:
        ended = program.run(*words)
    finally:
        program.kill_all()
    assert ended.status in STATUSES, (ended.stdout, ended.stderr)
    assert "Traceback" not in ended.stderr
    assert ended.status == 0 or ended.code
    after = files(program.home)
    kept = set(after.values())
    for name, content in before.items():
        if name.startswith(CHANGING):
            continue
        if ended.status and command != "doctor-fix":
            assert after.get(name) == content, f"{command} failed, and {name} is another"
        elif name != damaged and not _may_change(command, name):
            assert after.get(name) == content, f"{command} had nothing to do with {name}"
        elif command == "doctor-fix":
            assert after.get(name) == content or content in kept, f"what stood in {name} is gone"
        elif name.startswith("sessions/"):
            assert _lines(content) <= _lines(after[name]), f"records of {name} are gone"
    if ended.status == 0 and command in ("agents-add", "agents-delete"):
        _judge_config(
            before.get("config.json", b"{}"), after["config.json"], gone="lane1" if command == "agents-delete" else ""
        )


def _lines(data: bytes) -> set[bytes]:
    """The lines that are records, as far as JSON goes; one without its end was never finished."""
    found = set()
    for line in data.split(b"\n")[:-1]:
        try:
            if isinstance(json.loads(line), dict):
                found.add(line.strip())
        except (ValueError, RecursionError):
            continue
    return found


def _judge_config(before: bytes, after: bytes, gone: str) -> None:
    """A change of a config that could be read, and nothing but the one that was wanted."""
    old, new = json.loads(before), json.loads(after)
    assert [key for key in old if key != "agents" and new.get(key) != old[key]] == []
    assert [name for name, entry in old.get("agents", {}).items() if new["agents"].get(name) != entry] in ([], [gone])


def _may_change(command: str, name: str) -> bool:
    """What a command that succeeds is there to change."""
    if command in ("agents-add", "agents-delete"):
        return name.startswith("config.json")
    if command == "agent":
        return name.startswith(("sessions/lane0/", "cooldowns"))
    return command == "doctor-fix"
