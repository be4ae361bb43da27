"""What the kernel tells of Unix sockets, of those of this process."""

from __future__ import annotations

import os
import socket
import struct
import threading
from pathlib import Path

import pytest

from harness.conductor import sockets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, so that names are short enough for an address."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_path_in_an_address() -> None:
    unix, other = (struct.pack("=H", family) for family in (socket.AF_UNIX, socket.AF_INET))
    assert sockets.path_in(unix + b"dir/name\0\0rest") == "dir/name"
    assert sockets.path_in(unix + "ä".encode() + b"\xff") == os.fsdecode(b"\xc3\xa4\xff")
    assert [sockets.path_in(raw) for raw in (b"", unix, unix + b"\0abstract", other + b"dir")] == ["", "", "", ""]


def test_the_name_that_a_socket_was_bound_to(folder: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as bound,
        socket.socket(socket.AF_UNIX) as unbound,
        Path("file").open("w") as file,
    ):
        bound.bind("./name")
        thread = threading.get_native_id()
        numbers = [sockets.number(thread, each.fileno()) for each in (bound, unbound)]
        assert [sockets.name_of(number) for number in numbers] == ["./name", ""]
        with pytest.raises(OSError, match="Bad file descriptor"):
            sockets.number(thread, file.fileno())


def test_who_answers_at_a_path(folder: Path) -> None:
    """Whatever the socket is called by now; and a file of that name is nobody."""
    Path("file").touch()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as box:
        server.bind("sock")
        box.bind("box")
        assert [sockets.refuses(name) for name in ("none", "file", "sock", "box")] == [True, True, True, False]
        server.listen()
        Path("sock").rename("other")
        Path("link").symlink_to("other")
        assert [sockets.refuses(name) for name in ("sock", "other", "link")] == [True, False, False]
        assert sockets.number(os.getpid(), server.fileno()) in sockets.answering()
    assert sockets.refuses("other")
