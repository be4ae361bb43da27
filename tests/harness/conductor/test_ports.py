"""Sockets whose names are no paths: what they are called, and that their calls have turns as those of files have."""

from __future__ import annotations

import os
import socket
import struct
import threading

import pytest

from harness.conductor import ports, sockets
from harness.conductor.calls import Family
from harness.schedules.points import lasting, racing
from harness.schedules.replay import Recording, Replay
from tests.harness.conductor.ordered import ORDERED, First, Replayed, python, schedule

FAMILIES = ORDERED | {Family.SERVE, Family.NETWORK}
PORT = """
import os, socket
one = socket.socket(); one.bind(("127.0.0.1", 0))
with open("new", "w") as file: file.write(str(one.getsockname()[1]))
os.rename("new", "port")
one.listen(); one.accept()
"""
ABSTRACT = """
import os, socket
name = f"pileup-{os.stat('.').st_ino}"
one = socket.socket(socket.AF_UNIX); one.bind("\\0" + name)
with open("new", "w") as file: file.write(name)
os.rename("new", "port")
one.listen(); one.accept()
"""
CLIENT = """
import os, socket, time
while not os.path.exists("port"): time.sleep(0.001)
name = open("port").read()
kind, address = (2, ("127.0.0.1", int(name))) if name.isdigit() else (1, "\\0" + name)
while True:
    one = socket.socket(kind)
    try: one.connect(address); break
    except ConnectionRefusedError: pass
"""


def test_the_names_in_addresses() -> None:
    unix, four, six = (struct.pack("=H", family) for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6))
    named = {
        four + b"\x1f\x90\x7f\0\0\1": "port:8080",
        six + b"\x1f\x90" + bytes(20): "port:8080",
        unix + b"\0name\0x": "@name@x",
        unix + b"\0name" + bytes(103): "@name",
        unix + b"/run/name": "",
        four + bytes(6): "",
        unix: "",
        b"": "",
    }
    assert {raw: ports.name_in(raw) for raw in named} == named


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX], ids=["IPv4", "IPv6", "abstract"])
def test_who_has_a_name_and_who_answers_there(family: int) -> None:
    loopback = {socket.AF_INET: ("127.0.0.1", 0), socket.AF_INET6: ("::1", 0)}
    with socket.socket(family) as one:
        assert ports.of_socket(threading.get_native_id(), one.fileno()) == ""
        one.bind(loopback.get(family, f"\0pileup-{os.getpid()}"))
        name = ports.of_socket(threading.get_native_id(), one.fileno())
        assert ports.is_name(name)
        assert sockets.refuses(name)
        assert sockets.has_owner(name) == (family == socket.AF_UNIX)  # of a port only who listens is known
        one.listen()
        assert sockets.has_owner(name)
        assert not sockets.refuses(name)
        assert sockets.number(os.getpid(), one.fileno()) in sockets.answering()
        assert sockets.name_of(sockets.number(os.getpid(), one.fileno())) == ""  # it has no path
    assert sockets.refuses(name)
    assert not sockets.has_owner(name)


@pytest.mark.parametrize("server", [PORT, ABSTRACT], ids=["port", "abstract"])
def test_a_client_may_come_before_the_server_listens_and_waits_then(conduct, server):
    """The server is not hurried to listen, and the client does not ask again before it does."""

    async def body(rig):
        actors = {"client": python(CLIENT), "server": python(server)}
        first = Replayed(*["server"] * (2 if server is PORT else 3), "client", "client", First())
        found = await schedule(rig, first, actors, families=FAMILIES)
        (rig.folder / "port").unlink()
        rig.running.clear()
        replay = Replay(Recording.parse(Recording.of(found.trace, ()).token))
        await schedule(rig, replay, actors, families=FAMILIES)
        replay.finish()
        return found.trace.points[-4:]

    openat, refused, listen, connect = conduct(body)
    assert [point.call for point in (openat, refused, listen, connect)] == ["openat", "connect", "listen", "connect"]
    assert racing(refused, listen)
    assert refused.fingerprint == connect.fingerprint


def test_what_is_of_one_run_in_such_a_name_tells_no_runs_apart() -> None:
    """Whoever shares the machine's abstract names makes one of what nobody else has."""
    for one, other in (("@S853389", "@Sab"), ("answered:@lock-1", "answered:@lock-2"), ("port:8080", "port:45123")):
        assert lasting(one) == lasting(other)
    assert lasting("answered:@lock-1") != lasting("@lock-1")
    assert lasting("pkg@1/file") != lasting("pkg@2/file")


def test_a_port_of_nobody_s_is_no_point(conduct):
    """As that of a fake, to which programs connect by the hundred."""
    with socket.create_server(("127.0.0.1", 0)) as fake:
        code = f"import os, socket; socket.create_connection(('127.0.0.1', {fake.getsockname()[1]})); os.mkdir('done')"

        async def body(rig):
            return (await schedule(rig, First(), {"a": python(code)}, families=FAMILIES)).trace.points

        assert [point.call for point in conduct(body)] == ["mkdir"]


def test_who_closes_a_port_concerns_who_connects(conduct):
    """No call of its own shows it: it belongs to the turn of the point before."""
    server = PORT.replace("one.accept()", 'os.mkdir("made"); one.close(); os.mkdir("more")')
    client = CLIENT.replace("pass", "break")

    async def body(rig):
        strategy = Replayed(*["server"] * 3, "client", *["server"] * 2, First())
        actors = {"client": python(client), "server": python(server)}
        return (await schedule(rig, strategy, actors, families=FAMILIES)).trace.points

    *_, listen, _, made, more, connect = conduct(body)
    assert [point.call for point in (listen, made, more, connect)] == ["listen", "mkdir", "mkdir", "connect"]
    assert [racing(point, connect) for point in (listen, made, more)] == [True, True, False]


def test_who_binds_an_abstract_name_that_is_taken_waits_for_it(conduct):
    code = """
import os, socket, time
while True:
    one = socket.socket(socket.AF_UNIX)
    try: one.bind(f"\\0pileup-{os.stat('.').st_ino}"); break
    except OSError: time.sleep(0.001)
os.mkdir(f"has-{os.getpid()}"); os.rmdir(f"has-{os.getpid()}")
"""

    async def body(rig):
        actors = {name: python(code) for name in "ab"}
        strategy = Replayed("a", "b", "a", First())
        return (await schedule(rig, strategy, actors, families=FAMILIES)).trace.points

    assert [(point.actor, point.call) for point in conduct(body)] == [
        ("a", "bind"), ("b", "bind"), ("a", "mkdir"), ("a", "rmdir"), ("b", "bind"), ("b", "mkdir"), ("b", "rmdir"),
    ]  # fmt: skip
