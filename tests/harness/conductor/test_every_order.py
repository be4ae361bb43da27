"""An exploration of real programs, held against all orders of their points: no class is missing, none comes twice."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from harness.conductor.calls import Family
from harness.schedules.clocks import class_of
from harness.schedules.dpor import Explorer
from tests.harness.conductor.ordered import ORDERED, schedule

BEGIN = """
import fcntl, os, socket, struct
def record(command, kind):
    fcntl.fcntl(file, command, struct.pack("hh4xqqi4x", kind, 0, 0, 0, 0))
def read(name):
    try: print(open(name).read(), end="")
    except OSError: print("-", end="")
print()  # what the runs before have said stands above
file = open("lock", "r+")
"""
TRY = "fcntl.flock(file, fcntl.LOCK_{} | fcntl.LOCK_NB)"
CONNECT = """
try: socket.socket(socket.AF_UNIX).connect("name")
except OSError as error: open("sign", "x").write(str(error.errno))
"""
# By what it is about: two programs, and what the first one may read.
PAIRS = {
    "a lock of a description's own is not in its way": (
        "for kind in (fcntl.F_RDLCK, fcntl.F_WRLCK): record(fcntl.F_OFD_SETLKW, kind)\nread('data'); file.close()",
        "record(fcntl.F_OFD_SETLKW, fcntl.F_RDLCK); file.close(); os.unlink('data')",
        {"1", "-"},
    ),
    "who shares a lock and asks for more waits for the others": (
        "record(fcntl.F_SETLK, fcntl.F_RDLCK)\ntry: record(fcntl.F_SETLKW, fcntl.F_WRLCK)\nfinally: read('data')",
        "record(fcntl.F_SETLK, fcntl.F_RDLCK)\ntry: record(fcntl.F_SETLKW, fcntl.F_WRLCK)\nfinally: os.unlink('data')",
        {"1", "-", ""},
    ),
    "flock lets go of what is shared before it waits": (
        "fcntl.flock(file, fcntl.LOCK_SH); read('sign'); fcntl.flock(file, fcntl.LOCK_EX); read('data'); file.close()",
        f"{TRY.format('SH')}; open('sign', 'x')\n{TRY.format('EX')}; os.unlink('data')",
        {"-1", "--", "1", "-"},  # "--": the other one has had the lock while this one waited for it
    ),
    "a lock file that is gone": (
        "fcntl.flock(file, fcntl.LOCK_EX); os.unlink('lock'); file.close(); read('data')",
        f"{TRY.format('EX')}; os.unlink('data')",
        {"1", "-"},
    ),
    "a file that is written to when its name leads to another": (
        "os.rename('new', 'data'); read('data')",
        "data = open('data', 'a'); data.write('2'); data.close()",
        {"3", "32"},
    ),
    "a file whose folder is moved": (
        "os.rename('folder', 'moved'); read('moved/file')",
        "data = open('folder/file', 'a'); data.write('2'); data.close()",
        {"", "2"},
    ),
    "a second try in another mode fails as well": (
        "fcntl.flock(file, fcntl.LOCK_EX); read('data'); read('sign'); file.close()",
        f"try: {TRY.format('EX')}\nexcept OSError:\n  try: {TRY.format('SH')}\n  except OSError: open('sign', 'x')",
        {"1-", "1"},
    ),
    "a second try of a record lock of another kind fails as well": (
        "record(fcntl.F_OFD_SETLK, fcntl.F_WRLCK); read('sign'); file.close()",
        "try: record(fcntl.F_OFD_SETLK, fcntl.F_RDLCK)\nexcept OSError:\n"
        "  try: record(fcntl.F_SETLK, fcntl.F_RDLCK)\n  except OSError: open('sign', 'x')",
        {"-", ""},
    ),
    "a lock file that gets another name": (
        "os.link('lock', 'name'); name = open('name'); fcntl.flock(name, fcntl.LOCK_EX); read('data'); name.close()",
        f"{TRY.format('EX')}; os.unlink('data')",
        {"1", "-"},
    ),
    "a lock file that loses a name": (
        "name = open('hard'); fcntl.flock(name, fcntl.LOCK_EX); os.unlink('hard'); read('data')",
        f"{TRY.format('EX')}; os.unlink('data')",
        {"1", "-"},
    ),
    "a mode that is looked at behind another point": (
        "os.chmod('data', 0o640); os.rename('data', 'new'); read('sign')",
        "os.mkdir('point')\nif os.path.exists('data') and os.stat('data').st_mode & 0o777 == 0o640: open('sign', 'x')",
        {"-", ""},
    ),
    "a time of a file with another name": (
        "os.utime('lock', (1, 1)); read('sign'); os.unlink('hard')",
        "os.mkdir('point')\nif os.stat('lock').st_mtime == 1: open('sign', 'x')",
        {"-", ""},
    ),
    "an attribute": (
        "os.setxattr('data', 'user.n', b'1'); read('sign')",
        "try: os.getxattr('data', 'user.n'); open('sign', 'x')\nexcept OSError: pass",
        {"-", ""},
    ),
    "an attribute that only one can set": (
        "os.setxattr('data', 'user.n', b'1', os.XATTR_CREATE); read('sign')",
        "try: os.setxattr('data', 'user.n', b'2', os.XATTR_CREATE)\nexcept OSError: open('sign', 'x')",
        {"-", ""},
    ),
    "a folder that nobody may enter any more": (
        "os.chmod('folder', 0o700); read('folder/file')",
        "os.listdir('folder')",
        {""},
    ),
    "a socket that has a name, and then one that listens": (
        "server = socket.socket(socket.AF_UNIX); server.bind('name'); server.listen(); read('sign')",
        CONNECT,
        {"-", "2", "111", ""},
    ),
    "a socket at which nobody listens any more": (
        "server = socket.socket(socket.AF_UNIX); server.bind('name'); server.listen(); server.close(); read('sign')",
        CONNECT,
        {"-", "2", "111", ""},
    ),
    "a file that loses a name when it has been written to": (
        "data = open('hard', 'a'); data.write('2'); data.close(); os.unlink('hard'); read('lock')",
        "data = open('lock', 'w')",
        {"2", ""},
    ),
    "a file with another name": (
        "data = open('data', 'a'); data.write('2'); data.close(); os.link('data', 'name')",
        "os.unlink('data')",
        {""},
    ),
}


STOPPED = ORDERED | {
    Family.WRITE, Family.LOOK, Family.MARK, Family.INSPECT, Family.SERVE, Family.NETWORK,
}  # fmt: skip


def is_turn(call):
    return call.kind.family is not Family.LOOK


class Numbered:
    """Goes by the numbers of those who can, then lets the first go; keeps how many there were."""

    def __init__(self, numbers):
        self.numbers = list(numbers)
        self.counts: list[int] = []

    def choose(self, choice):
        self.counts.append(len(choice.enabled))
        self.numbers += [0] * (len(self.counts) - len(self.numbers))
        return choice.enabled[self.numbers[choice.step]]


def next_numbers(order):
    """The next order's, of those that begin alike; None when that was the last."""
    numbers = order.numbers
    for place in reversed(range(len(numbers))):
        if numbers[place] + 1 < order.counts[place]:
            return [*numbers[:place], numbers[place] + 1]
    return None


@pytest.mark.parametrize("about", PAIRS)
def test_classes_are_those_of_all_orders(conduct, tmp_path, about):
    *programs, readings = PAIRS[about]
    actors = {name: (str(tmp_path / f"{name}.py"),) for name in ("one", "other")}
    for (script,), program in zip(actors.values(), programs, strict=True):
        Path(script).write_text(BEGIN + program)

    async def run(rig, strategy):
        for path in rig.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (rig.folder / "folder").mkdir()
        for name, text in {"lock": "", "data": "1", "new": "3", "folder/file": ""}.items():
            (rig.folder / name).write_text(text)
        if "hard" in programs[0]:
            (rig.folder / "hard").hardlink_to(rig.folder / "lock")
        rig.running.clear()
        rig.directors.clear()
        scheduler = await schedule(rig, strategy, actors, families=STOPPED, where=is_turn, script=True)
        return scheduler.trace, rig.running["one"].said().rpartition("\n")[2]

    async def body(rig):
        all_orders, numbers = set(), []
        while numbers is not None:
            order = Numbered(numbers)
            trace, _ = await run(rig, order)
            all_orders.add(class_of(trace.points))
            numbers = next_numbers(order)
        explorer, explored, read = Explorer(limit=200), Counter(), set()
        while (strategy := explorer.next()) is not None:
            trace, said = await run(rig, strategy)
            explorer.executed(trace)
            if strategy.redundant_from is None:
                explored[class_of(trace.points)] += 1
                read.add(said)
        return all_orders, explored, read

    all_orders, explored, read = conduct(body)
    assert explored == dict.fromkeys(all_orders, 1)
    assert read == readings
