"""Which faults may happen at which call, seen on real calls."""

from __future__ import annotations

from harness.conductor.calls import Family
from harness.conductor.troubles import (
    CRASH,
    DENIED,
    ENDED,
    EXHAUSTED,
    FULL_DISK,
    POSSIBLE,
    Operation,
    operation,
    possible,
)
from harness.schedules.decisions import Fault

EVERYTHING = frozenset(Family) - {Family.FORK}
CODE = """
import fcntl, os, socket
os.mkdir("d"); s = socket.socket(socket.AF_UNIX); s.bind("s"); s.listen(); socket.socket(socket.AF_UNIX).connect("s")
f = os.open("f", os.O_RDWR | os.O_CREAT)
os.write(f, b"12"); os.write(f, b"1"); os.pwrite(f, b"12", 0); os.writev(f, [b"1", b"2"]); os.writev(f, [b"1"])
os.ftruncate(f, 3); os.fsync(f)
os.chmod("f", 0o644); os.fchmod(f, 0o600); os.chown("f", -1, -1); os.fchown(f, -1, -1); os.utime("f"); os.utime(f)
os.setxattr("f", "user.a", b"1"); os.setxattr(f, "user.b", b"1"); os.removexattr("f", "user.a")
fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB); fcntl.flock(f, fcntl.LOCK_UN); fcntl.flock(f, fcntl.LOCK_EX)
fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB); fcntl.lockf(f, fcntl.LOCK_UN); fcntl.lockf(f, fcntl.LOCK_EX)
os.open("f", os.O_RDWR | os.O_CREAT); os.open("f", os.O_WRONLY); os.open("f", os.O_RDONLY); os.path.exists("f")
os.link("f", "l"); os.rename("l", "r"); os.unlink("r"); os.rmdir("d")
"""
EXPECTED = [
    "MAKE", "BIND", "LISTEN", "CONNECT", "CREATE", "WRITE", "WRITE", "WRITE", "WRITE", "WRITE", "RESIZE", "SYNC",
    "PERMIT", "PERMIT", "PERMIT", "PERMIT", "DATE", "DATE", "ATTRIBUTE", "ATTRIBUTE", "DATE",
    "TRY_LOCK", "WAIT_LOCK", "TRY_LOCK", "WAIT_LOCK", "OPEN", "OPEN", "READ", "REPLACE", "REPLACE", "REMOVE", "REMOVE",
]  # fmt: skip


class Classifier:
    def __init__(self):
        self.found = []

    def take(self, call):
        if (kind := operation(call)) is not None:
            self.found.append((kind.name, possible(call)))
        return False


def test_every_operation_is_told_from_the_others(conduct):
    classifier = Classifier()

    async def body(rig):
        rig.directors.append(classifier)
        running = await rig.python("one", CODE, families=EVERYTHING)
        assert (await running.ended(), running.said("stderr")) == (0, "")

    conduct(body)
    start = next(n for n, (name, _) in enumerate(classifier.found) if name == "MAKE")  # Python looks around before
    found = classifier.found[start:]
    assert [name for name, _ in found] == EXPECTED
    assert {name for name, _ in found} == set(Operation.__members__)
    writes = [faults for name, faults in found if name == "WRITE"]
    assert [("short" in faults, "torn" in faults) for faults in writes] == [
        (True, True), (False, False), (False, False), (True, True), (False, False),
    ]  # fmt: skip
    for fault in ("kill", *ENDED):
        assert [name for name, faults in found if fault not in faults] == ["CONNECT", "READ"]


def test_every_fault_can_be_planned_and_belongs_to_a_trouble():
    faults = {fault for row in POSSIBLE.values() for fault in row}
    assert {Fault("a", 0, fault).what for fault in faults} == faults
    assert faults <= {*FULL_DISK, *DENIED, *EXHAUSTED}
    assert {*FULL_DISK, *DENIED, *EXHAUSTED, *CRASH} <= faults | {"short", "torn", "kill"}
