"""What the homes of other filesystems refuse, and what they leave alone."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.conductor.calls import Family
from harness.lab.filesystems import home_apart, home_that_cannot_sync

World = Callable[[Any, str], AbstractContextManager[None]]


class Stand:
    """A lab with a home, and what it was told of the fault."""

    def __init__(self, home: Path, *, faulty: bool = True) -> None:
        self.site = SimpleNamespace(home=home)
        self.faulty = faulty
        self.directors: list[Any] = []
        self.told: list[str] = []
        self.plan = self.told.append

    def fired(self, fault: str, detail: str) -> None:
        self.told.append(detail)

    def is_state(self, call: Any) -> bool:
        return any(Path(path).is_relative_to(self.site.home) for path in call.paths)


class Call:
    """A stopped call, and the errno that it was answered with."""

    def __init__(self, name: str, *paths: Path, family: Family = Family.REPLACE) -> None:
        self.kind = SimpleNamespace(name=name, family=family)
        self.paths = tuple(map(str, paths))
        self.error = 0

    def fail(self, error: int) -> bool:
        self.error = error
        return True


def offered(world: World, stand: Stand, call: Call) -> bool:
    """Whether the call was taken by whom the world has put first."""
    with world(stand, "the fault"):
        return bool(stand.directors) and stand.directors[0].take(call)


def test_nothing_is_renamed_across_the_border_of_a_home(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    for name, paths, refused in (
        ("rename", (other / "new", home / "config.json"), True),
        ("linkat", (home / "config.json", other / "copy"), True),
        ("renameat2", (home / "new", home / "config.json"), False),
        ("rename", (other / "a", other / "b"), False),
        ("symlink", (home / "link",), False),
    ):
        stand, call = Stand(home), Call(name, *paths)
        assert offered(home_apart, stand, call) == refused, name
        assert call.error == (errno.EXDEV if refused else 0)
        assert stand.told == ["the fault", f"{int(refused)} calls were refused"]
        assert stand.directors == []


@pytest.mark.parametrize(("family", "where", "error"), [
    (Family.SYNC, "home", errno.EIO), (Family.SYNC, "elsewhere", 0), (Family.WRITE, "home", 0),
])  # fmt: skip
def test_only_syncs_of_the_home_fail(tmp_path: Path, family: Family, where: str, error: int) -> None:
    call = Call("fsync", tmp_path / where / "file", family=family)
    assert offered(home_that_cannot_sync, Stand(tmp_path / "home"), call) == bool(error)
    assert call.error == error


@pytest.mark.parametrize("world", [home_apart, home_that_cannot_sync])
def test_the_control_arm_has_the_usual_filesystem(tmp_path: Path, world: World) -> None:
    stand = Stand(tmp_path, faulty=False)
    assert not offered(world, stand, Call("rename", tmp_path / "a", Path("/b")))
    assert stand.told == ["the fault"]
