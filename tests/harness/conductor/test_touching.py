"""What the calls of real processes touch, as schedules know it: names, links, folders, parts of locks."""

from __future__ import annotations

import re
import shutil

import pytest

from harness.conductor.calls import Family
from harness.schedules.dpor import Explorer
from harness.schedules.explain import explain
from harness.schedules.points import named, racing
from tests.harness.conductor.ordered import CHANGES, ORDERED, TRY, First, Replayed, Rotating, python, schedule


def test_who_sets_an_extended_attribute_changes_the_file(conduct):
    """A number may be kept in one: others can go on before it is set, and what they set is a change."""
    code = 'import os; os.setxattr("count", "user.n", b"1")'

    async def body(rig):
        (rig.folder / "count").touch()
        families = CHANGES | {Family.MARK}
        scheduler = await schedule(rig, Rotating(), {"a": python(code), "b": python(code)}, families=families)
        return scheduler.trace

    trace = conduct(body)
    assert [str(point) for point in trace.points] == ["a.0: setxattr count", "b.0: setxattr count"]
    assert racing(*trace.points)
    assert trace.steps[0].contended


CHANGED = {
    "permissions": "os.chmod('count', 0o600)",
    "permissions of an open file": "os.fchmod(file, 0o600)",
    "an owner": "os.chown('count', -1, -1)",
    "times": "os.utime('count')",
    "times of an open file": "os.utime(file)",
    "an attribute": "os.setxattr(file, 'user.n', b'1')",
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_is_said_of_a_file_is_changed_at_a_point_of_its_own(conduct, what):
    """And who has looked at the file behind another point is concerned by that, whatever the point itself is about."""
    change = f"import os; file = os.open('count', os.O_RDONLY); {CHANGED[what]}"
    look = "import os; os.mkdir('made'); os.stat('link'); os.mkdir('more')"

    async def body(rig):
        (rig.folder / "count").touch()
        (rig.folder / "link").symlink_to("count")
        families = CHANGES | {Family.MARK, Family.LOOK}
        where = lambda call: call.kind.family is not Family.LOOK  # noqa: E731
        actors = {"change": python(change), "look": python(look)}
        return (await schedule(rig, First(), actors, families=families, where=where)).trace.points

    change, made, more = conduct(body)
    assert [touch.object for touch in named(change.touches)] == ["count"]
    assert racing(change, made)
    assert not racing(change, more)
    assert "count" not in made.fingerprint


def test_who_opens_a_file_for_writing_only_has_read_nothing(conduct):
    """It is not said of an append that its writer had read the file before."""
    code = "import os; [os.open('log', flags) for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND)]"

    async def body(rig):
        (rig.folder / "log").touch()
        return (await schedule(rig, First(), {"a": python(code)})).trace.points

    assert [point.touches[0].tells for point in conduct(body)[-3:]] == [True, True, False]


def test_what_finds_its_name_taken_has_not_read_it(conduct):
    code = """
import os
os.mkdir("d"); f = os.open("f", os.O_CREAT | os.O_EXCL)
for make in (lambda: os.open("f", os.O_CREAT | os.O_EXCL), lambda: os.mkdir("d")):
    try: make()
    except FileExistsError: pass
os.open("f", os.O_RDONLY)
"""

    async def body(rig):
        return (await schedule(rig, First(), {"a": python(code)})).trace.points

    assert [point.touches[0].taken for point in conduct(body)[-5:]] == [False, False, True, True, False]


def test_who_closes_a_socket_concerns_who_connects(conduct):
    """No call of its own shows it: it belongs to the turn of the point before."""
    server = """
import os, socket
one = socket.socket(socket.AF_UNIX); one.bind("sock"); one.listen(); os.mkdir("made"); one.close(); os.mkdir("more")
"""
    client = 'import socket\ntry: socket.socket(socket.AF_UNIX).connect("sock")\nexcept OSError: pass'

    async def body(rig):
        families = CHANGES | {Family.SERVE, Family.NETWORK}
        strategy = Replayed(*["server"] * 4, First())
        actors = {"client": python(client), "server": python(server)}
        return (await schedule(rig, strategy, actors, families=families)).trace.points

    bind, listen, made, more, connect = conduct(body)
    calls = ["server.0: bind sock", "server.1: listen sock", "server.2: mkdir made", "server.3: mkdir more"]
    assert [*map(str, (bind, listen, made, more)), str(connect)] == [*calls, "client.0: connect sock"]
    assert [racing(point, connect) for point in (bind, listen, made, more)] == [True, True, True, False]


def test_who_listens_by_a_name_that_led_through_a_descriptor(conduct):
    """It is closed by then: the kernel tells the name as it was given, and nothing is found by that any more."""
    server = """
import os, socket
folder, one = os.open(".", os.O_RDONLY), socket.socket(socket.AF_UNIX)
one.bind(f"/proc/self/fd/{folder}/sock"); os.close(folder); one.listen()
"""

    async def body(rig):
        families = CHANGES | {Family.SERVE, Family.NETWORK}
        return (await schedule(rig, First(), {"server": python(server)}, families=families)).trace.points

    assert [*map(str, conduct(body)[-2:])] == ["server.0: bind sock", "server.1: listen sock"]


def test_names_drawn_by_chance_do_not_tell_runs_apart(conduct):
    """As of mkstemp, mkdtemp, git and ln; letters may form any word. Who names a file himself means that name."""
    code = """
import os, sys
drawn, own = sys.argv[1:]
os.close(os.open(drawn, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)); os.rename(drawn, "config")
os.mkdir("x-" + drawn, 0o700); os.close(os.open(f"x-{drawn}/f", os.O_WRONLY | os.O_CREAT))
os.close(os.open("tmp_obj_" + drawn[3:], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o444))
os.symlink("config", "Cu" + drawn[3:]); os.rename("Cu" + drawn[3:], "link"); os.symlink("config", "Custom")
os.mkdir("private", 0o700); os.close(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
"""

    async def body(rig):
        found = []
        for words in (("sedFWmqmE", "owner-lock"), ("sedBonjou", "owner-lock"), ("sedFWmqmE", "other-lock")):
            scheduler = await schedule(rig, First(), {"a": (*python(code), *words)})
            rig.running.clear()
            found.append([point.fingerprint for point in scheduler.trace.points])
            for left in (words[1], f"x-{words[0]}/f", f"tmp_obj_{words[0][3:]}", "link", "Custom"):
                (rig.folder / left).unlink()
            (rig.folder / f"x-{words[0]}").rmdir()
            (rig.folder / "private").rmdir()
        return found

    first, again, other = conduct(body)
    made = [
        "openat *",
        "rename * config",
        "mkdir x-*",
        "openat x-*/f",
        "openat *",
        "symlink *",
        "rename * link",
        "symlink Custom",
        "mkdir private",
        "openat owner-lock",
    ]
    assert first[-10:] == again[-10:] == made
    assert other[-10:] == [*made[:-1], "openat other-lock"]


def test_making_a_folder_that_is_there_changes_nothing(conduct):
    code = """
import os
for _ in range(2): os.makedirs("made", exist_ok=True)
os.mkdir("other")
"""

    async def body(rig):
        scheduler = await schedule(rig, First(), {"a": python(code)}, families=frozenset({Family.MAKE}))
        return [(point.touches[0].object, point.touches[0].writes) for point in scheduler.trace.points]

    assert conduct(body) == [("made", True), ("made", False), ("other", True)]


@pytest.mark.parametrize("way", ["current/file", "deputy"])
def test_a_link_that_is_led_elsewhere_concerns_whoever_goes_through_it(conduct, way):
    """And a call that waits meanwhile goes where the link leads when it has its turn."""
    swap = "import os; os.symlink('two', 'new'); os.rename('new', 'current')"
    read = f"text = open({way!r}).read(); open('log', 'w').write(text)"

    async def body(rig):
        for name in ("one", "two"):
            (rig.folder / name).mkdir()
            (rig.folder / name / "file").write_text(name)
        (rig.folder / "deputy").symlink_to("current/file")
        explorer, read_from = Explorer(limit=100), {}
        while (strategy := explorer.next()) is not None:
            (rig.folder / "current").unlink(missing_ok=True)
            (rig.folder / "current").symlink_to("one")
            actors = {"swap": python(swap), "read": python(read)}
            scheduler = await schedule(rig, strategy, actors, families=CHANGES | {Family.READ})
            [point] = [point for point in scheduler.trace.points if point.call == "openat" and "log" not in str(point)]
            read_from[(rig.folder / "log").read_text()] = [touch.object for touch in named(point.touches)]
            explorer.executed(scheduler.trace)
            rig.running.clear()
            rig.directors.clear()
        return read_from

    links = ["deputy", "current"] if way == "deputy" else ["current"]
    assert conduct(body) == {"one": ["one/file", *links], "two": ["two/file", *links]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("os.mkdir('made')", "os.open('made/file', os.O_CREAT)"),
        ("os.rename('there', 'away')", "os.open('there/file', os.O_RDONLY)"),
        ("os.rmdir('empty')", "os.open('empty/file', os.O_CREAT)"),
        (
            f"fcntl.lockf(file, {TRY}); os.mkdir('a'); fcntl.lockf(file, fcntl.LOCK_UN)",
            f"fcntl.lockf(file, {TRY}, 2, 5)",
        ),
        (
            "os.link('there/file', 'name'); os.open('there/file', os.O_WRONLY | os.O_TRUNC)",
            "open('name').read() == 'text' or os.stat('nowhere')",
        ),
        (f"fcntl.lockf(file, {TRY}, 4); fcntl.lockf(file, fcntl.LOCK_UN, 4)", f"fcntl.lockf(file, {TRY}, 2, 3)"),
    ],
)
def test_what_happens_to_a_folder_another_name_or_a_part_of_a_lock_concerns_whoever_it_may_refuse(conduct, one, other):
    """Each order is run: there is one in which the other one is refused, and one in which it is not."""
    code = (
        "import fcntl, os; file = open('lock', 'r+')\ntry: {}\nexcept OSError: open('refused-{}', 'x')\nos.mkdir('{}')"
    )

    async def body(rig):
        explorer, seen = Explorer(limit=100), set()
        while (strategy := explorer.next()) is not None:
            for folder in ("there", "empty"):
                (rig.folder / folder).mkdir()
            for file in ("lock", "there/file"):
                (rig.folder / file).write_text("text")
            actors = {"one": python(code.format(one, 1, 1)), "other": python(code.format(other, 2, 2))}
            explorer.executed((await schedule(rig, strategy, actors, families=CHANGES | {Family.READ})).trace)
            seen.add((rig.folder / "refused-2").exists())
            for path in rig.folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            rig.running.clear()
            rig.directors.clear()
        return seen

    assert conduct(body) == {True, False}


@pytest.mark.parametrize(
    ("one", "contents"),
    [
        ("os.link('t', 'file'); os.unlink('t')", ["-", "A", ""]),
        ("os.link('t', 'u'); os.unlink('t'); os.rename('u', 'file')", ["-", "A", ""]),
        ("libc.linkat(-100, b'/proc/self/fd/%d' % nameless, -100, b'file', 0x400); file = nameless", ["-", "A", ""]),
    ],
)
def test_a_file_is_known_by_the_name_that_it_has_now(conduct, one, contents):
    """One that was given its name before what it holds is read whole, empty or not at all."""
    write = f"""
import ctypes, os
libc, nameless = ctypes.CDLL(None), os.open(".", os.O_TMPFILE | os.O_RDWR)
file = os.open("t", os.O_CREAT | os.O_WRONLY)
{one}
os.write(file, b"A")
"""
    read = """
try: found = open("file").read()
except OSError: found = "-"
open("log", "w").write(found)
"""

    async def body(rig):
        explorer, seen = Explorer(limit=200), set()
        while (strategy := explorer.next()) is not None:
            actors = {"read": python(read), "write": python(write)}
            scheduler = await schedule(rig, strategy, actors, families=ORDERED | {Family.WRITE})
            explorer.executed(scheduler.trace)
            seen.add((rig.folder / "log").read_text())
            for name in ("t", "file"):
                (rig.folder / name).unlink(missing_ok=True)
            rig.running.clear()
            rig.directors.clear()
        return seen

    assert conduct(body) == set(contents)


def test_a_write_that_waits_follows_its_file_to_another_name(conduct):
    """Every order of a write and two reads behind a rename is run."""
    write = "import os; os.write(os.open('old', os.O_WRONLY), b'A')"
    read = """
import os
os.rename("old", "new")
found = open("new").read() + open("new").read()
open("log", "w").write(found)
"""

    async def body(rig):
        explorer, seen = Explorer(limit=200), set()
        while (strategy := explorer.next()) is not None:
            (rig.folder / "old").write_text("-")
            actors = {"read": python(read), "write": python(write)}
            explorer.executed((await schedule(rig, strategy, actors, families=ORDERED | {Family.WRITE})).trace)
            if await rig.running["write"].ended() == 0:  # else it had come too late for the old name
                seen.add((rig.folder / "log").read_text())
            (rig.folder / "new").unlink()
            rig.running.clear()
            rig.directors.clear()
        return seen

    assert conduct(body) == {"AA", "-A", "--"}


def test_the_sentence_names_the_call_that_replaced_and_the_process_that_read(conduct):
    """mv(1) tries to rename without replacing first, and looks whether the target is a folder: neither reads it."""
    script = "cat count; echo 1 > new.$1; mv new.$1 count"

    async def body(rig):
        (rig.folder / "count").write_text("0")
        actors = {name: ("/bin/sh", "-c", script, "sh", name) for name in "ab"}
        return explain((await schedule(rig, Rotating(), actors)).trace)

    said = conduct(body)
    assert re.fullmatch(r"b/2 replaced count at its rename(at)? after a/2 had replaced it; b had read it before", said)


def test_a_listing_and_a_creation_touch_each_other_and_two_creations_do_not(conduct):
    codes = {
        "list": 'import os; os.listdir("folder")',
        "make": 'open("folder/one", "w").close()',
        "move": 'import os; os.rename("old", "folder/two")',
    }

    async def body(rig):
        (rig.folder / "folder").mkdir()
        (rig.folder / "old").touch()
        scheduler = await schedule(rig, First(), {name: python(code) for name, code in codes.items()})
        return {point.actor: point for point in scheduler.trace.points}

    points = conduct(body)
    assert racing(points["list"], points["make"])
    assert racing(points["list"], points["move"])
    assert not racing(points["make"], points["move"])
    assert points["move"].fingerprint == "rename old folder/two"
