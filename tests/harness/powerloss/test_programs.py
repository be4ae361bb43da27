"""Programs that save their state wrongly, and rightly: what a power cut may leave of the wrong ones is found.

Each is recorded as it runs. A state is wrong at any moment if it is neither the old nor the new one, and at the end if
it is not the new one, as the program has said by then that it is done.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from harness.conductor.recorder import Recorder
from harness.powerloss.materialise import materialise
from harness.powerloss.states import states
from harness.scenario import WATCH_STORES

PYTHON = (sys.executable, "-S", "-E", "-c")
NEW = "import os\nf = os.open('new', os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600); os.write(f, b'new')\n"
FOLDER = "os.fsync(os.open('.', os.O_RDONLY))\n"
PUT = """import os
def put(name, data):
    f = os.open(f"{name}.new", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(f, data); os.fsync(f); os.rename(f"{name}.new", name)
"""
MAP = "import mmap, os\nf = os.open('state', os.O_RDWR); m = mmap.mmap(f, 8192)\n"
EXCHANGE = "import ctypes; ctypes.CDLL(None).renameat2(-100, b'new', -100, b'state', 2)\n"
DEEP = (
    "import os\nos.makedirs('a/b/c'); os.chdir('a/b/c')\n"
    + NEW
    + "os.fsync(f); os.rename('new', 'state'); os.chdir('../../..')\n"
)
LOG = "import os\nf = os.open('log', os.O_WRONLY)\n"
BACKUP = "os.fsync(f); os.link('state', 'backup')\n"
NODE = "const fs = require('fs'), sync = name => fs.fsyncSync(fs.openSync(name, 'r'));"
SQLITE = """
import os, sqlite3
db = sqlite3.connect("db", isolation_level=None)
db.execute("pragma journal_mode={mode}"); db.execute("pragma synchronous={sync}")
db.execute("insert into t values (hex(randomblob(3000)))")
os._exit(0)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saver:
    """A program and its repaired twin."""

    before: dict[str, str]
    wrong: str
    right: str
    whole: Callable[[Path], bool]  # at any moment
    done: Callable[[Path], bool]  # at the end
    argv: tuple[str, ...] = PYTHON
    prepare: Callable[[Path], None] = lambda folder: None


def text(folder: Path, name: str) -> str | None:
    path = folder / name
    return path.read_text() if path.is_file() else None


def saves(wrong: str, right: str, name: str = "state", **more) -> Saver:
    """What replaces "old" by "new"."""
    return Saver(
        before={name: "old", **more.pop("before", {})}, wrong=wrong, right=right, **more,
        whole=lambda folder: text(folder, name) in ("old", "new"), done=lambda folder: text(folder, name) == "new",
    )  # fmt: skip


def sqlite(mode: str, wrong: str, right: str) -> Saver:
    """A second row is inserted."""

    def prepare(folder: Path) -> None:
        with sqlite3.connect(folder / "db") as db:
            db.execute(f"pragma journal_mode={mode}")
            db.execute("create table t(x)")
            db.execute("insert into t values (hex(randomblob(9000)))")
        db.close()

    def rows(least: int, folder: Path) -> bool:
        copy = shutil.copytree(folder, folder.with_name(f"{folder.name}-opened"))
        db = sqlite3.connect(copy / "db")
        try:
            sound = db.execute("pragma integrity_check").fetchone() == ("ok",)
            return sound and db.execute("select count(*) from t").fetchone()[0] >= least
        except sqlite3.Error:
            return False
        finally:
            db.close()

    programs = (SQLITE.format(mode=mode, sync=sync) for sync in (wrong, right))
    return Saver(
        before={}, wrong=next(programs), right=next(programs), whole=partial(rows, 1), done=partial(rows, 2),
        argv=(sys.executable, "-E", "-c"), prepare=prepare,
    )  # fmt: skip


def records_are_whole(folder: Path, least: int = 0) -> bool:
    """What a reader takes from the log that believes each length: nothing that was never written, and enough."""
    log = (folder / "log").read_bytes()
    records = []
    while size := int.from_bytes(log[:8]):
        if len(log) < 8 + size:
            break
        records.append(log[8 : 8 + size])
        log = log[8 + size :]
    return len(records) >= least and all(record == b"r" * 6000 for record in records)


def vouched_for(folder: Path) -> bool:
    return (folder / "new").exists() and "user.whole" in os.listxattr(folder / "new")


def is_stale(folder: Path) -> bool:
    """Whether a reader would make the cache anew, as make(1) would."""
    return (folder / "cache").stat().st_mtime_ns < (folder / "source").stat().st_mtime_ns


def page_is_there(folder: Path) -> bool:
    return text(folder, "index") == "1" or text(folder, "page-2") == "page"


def data_behind_flag(folder: Path) -> bool:
    data = (folder / "state").read_bytes()
    return data[:1] == b"0" or data[4096:4097] == b"1"


SAVERS = {
    "no sync": saves(
        f"{NEW}os.rename('new', 'state')\n{FOLDER}", f"{NEW}os.fsync(f); os.rename('new', 'state')\n{FOLDER}"
    ),
    "sync after the rename": saves(
        f"{NEW}os.rename('new', 'state'); os.fsync(f)\n{FOLDER}",
        f"{NEW}os.fsync(f); os.rename('new', 'state'); os.fsync(f)\n{FOLDER}",
    ),
    "sync of another file": saves(
        f"{NEW}os.fsync(os.open('state', os.O_RDONLY)); os.rename('new', 'state')\n{FOLDER}",
        f"{NEW}os.fsync(os.open('new', os.O_RDONLY)); os.rename('new', 'state')\n{FOLDER}",
    ),
    "sync of another folder": saves(
        PUT + "put('in/state', b'new')\n" + FOLDER,
        PUT + "put('in/state', b'new'); os.fsync(os.open('in', os.O_RDONLY))\n",
        "in/state",
    ),
    "cut and written": saves(
        "import os\nf = os.open('state', os.O_WRONLY | os.O_TRUNC); os.write(f, b'new'); os.fsync(f)\n",
        PUT + "put('state', b'new')\n" + FOLDER,
    ),
    "removed and made": saves(
        "import os\nos.unlink('state'); f = os.open('state', os.O_WRONLY | os.O_CREAT)\n"
        f"os.write(f, b'new'); os.fsync(f)\n{FOLDER}",
        PUT + "put('state', b'new')\n" + FOLDER,
    ),
    "sync_file_range": saves(
        f"{NEW}import ctypes; ctypes.CDLL(None).sync_file_range(f, ctypes.c_long(0), ctypes.c_long(0), 7)\n"
        f"os.rename('new', 'state')\n{FOLDER}",
        f"{NEW}import ctypes; ctypes.CDLL(None).syncfs(f); os.rename('new', 'state')\n{FOLDER}",
    ),
    "exchange": saves(
        f"{NEW}{EXCHANGE}os.unlink('new')\n{FOLDER}", f"{NEW}os.fsync(f)\n{EXCHANGE}{FOLDER}os.unlink('new')\n"
    ),
    "backup by a link": saves(
        f"{NEW}{BACKUP}os.unlink('state'); os.rename('new', 'state')\n{FOLDER}",
        f"{NEW}{BACKUP}os.rename('new', 'state')\n{FOLDER}",
    ),
    "a copy by the kernel": saves(
        "import os\nf = os.open('new', os.O_WRONLY | os.O_CREAT)\n"
        f"os.copy_file_range(os.open('source', os.O_RDONLY), f, 3); os.rename('new', 'state')\n{FOLDER}",
        "import os\nf = os.open('new', os.O_WRONLY | os.O_CREAT)\n"
        f"os.copy_file_range(os.open('source', os.O_RDONLY), f, 3); os.fsync(f); os.rename('new', 'state')\n{FOLDER}",
        before={"source": "new"},
    ),
    "space that is synced before its data": saves(
        "import os\nf = os.open('new', os.O_WRONLY | os.O_CREAT); os.posix_fallocate(f, 0, 3); os.fsync(f)\n"
        f"os.pwrite(f, b'new', 0); os.rename('new', 'state')\n{FOLDER}",
        "import os\nf = os.open('new', os.O_WRONLY | os.O_CREAT); os.posix_fallocate(f, 0, 3)\n"
        f"os.pwrite(f, b'new', 0); os.fdatasync(f); os.rename('new', 'state')\n{FOLDER}",
    ),
    "written in place": saves(
        "import os\nf = os.open('state', os.O_WRONLY); os.fdatasync(f); os.write(f, b'new')\n",
        "import os\nf = os.open('state', os.O_WRONLY | os.O_DSYNC); os.write(f, b'new')\n",
    ),
    "folders in folders": Saver(
        before={},
        wrong=f"{DEEP}for folder in 'a/b/c', 'a/b', 'a': os.fsync(os.open(folder, os.O_RDONLY))\n",
        right=f"{DEEP}for folder in 'a/b/c', 'a/b', 'a', '.': os.fsync(os.open(folder, os.O_RDONLY))\n",
        whole=lambda folder: True,
        done=lambda folder: text(folder, "a/b/c/state") == "new",
    ),
    "Node's copyFile": saves(
        f"{NODE} fs.copyFileSync('source', 'new'); fs.renameSync('new', 'state'); sync('.')",
        f"{NODE} fs.copyFileSync('source', 'new'); sync('new'); fs.renameSync('new', 'state'); sync('.')",
        before={"source": "new"},
        argv=("node", "-e"),
    ),
    "Node's sync that is not awaited": saves(
        f"{NODE} const f = fs.openSync('new', 'w'); fs.writeSync(f, 'new'); fs.renameSync('new', 'state');"
        "fs.fsync(f, () => sync('.'))",
        f"{NODE} const f = fs.openSync('new', 'w'); fs.writeSync(f, 'new');"
        "fs.fsync(f, () => { fs.renameSync('new', 'state'); sync('.') })",
        argv=("node", "-e"),
    ),
    "a shell's mv": saves(
        "printf new >new; mv new state; sync .", "printf new >new; sync new; mv new state; sync .", argv=("sh", "-c")
    ),
    "a move out of a folder, and that one synced": Saver(
        before={"drafts/a": "text", "sent/b": ""},
        wrong="import os\nos.rename('drafts/a', 'sent/a'); os.fsync(os.open('drafts', os.O_RDONLY))\n",
        right="import os\nos.rename('drafts/a', 'sent/a'); os.fsync(os.open('sent', os.O_RDONLY))\n",
        whole=lambda folder: "text" in (text(folder, "drafts/a"), text(folder, "sent/a")),
        done=lambda folder: text(folder, "sent/a") == "text",
    ),
    "a folder that nobody has synced": Saver(
        before={},
        wrong="import os\nos.mkdir('in')\n" + PUT + "put('in/state', b'new'); os.fsync(os.open('in', os.O_RDONLY))\n",
        right="import os\nos.mkdir('in')\n"
        + PUT
        + "put('in/state', b'new'); os.fsync(os.open('in', os.O_RDONLY))\n"
        + FOLDER,
        whole=lambda folder: True,
        done=lambda folder: text(folder, "in/state") == "new",
    ),
    "an index before its page": Saver(
        before={"index": "1"},
        wrong=PUT + "put('page-2', b'page'); put('index', b'2')\n" + FOLDER,
        right=PUT + "put('page-2', b'page')\n" + FOLDER + "put('index', b'2')\n" + FOLDER,
        whole=page_is_there,
        done=lambda folder: text(folder, "index") == "2" and page_is_there(folder),
    ),
    "a record whose length comes with it": Saver(
        before={"log": ""},
        wrong=f"{LOG}os.write(f, (6000).to_bytes(8) + b'r' * 6000); os.fsync(f)\n",
        right=f"{LOG}os.pwrite(f, b'r' * 6000, 8); os.fsync(f); os.pwrite(f, (6000).to_bytes(8), 0); os.fsync(f)\n",
        whole=records_are_whole,
        done=lambda folder: records_are_whole(folder, 1),
    ),
    "a mark before what it vouches for": Saver(
        before={},
        wrong=f"{NEW}os.setxattr(f, 'user.whole', b'1'); os.fsync(f)\n{FOLDER}",
        right=f"{NEW}os.fsync(f); os.setxattr(f, 'user.whole', b'1'); os.fsync(f)\n{FOLDER}",
        whole=lambda folder: not vouched_for(folder) or text(folder, "new") == "new",
        done=lambda folder: vouched_for(folder) and text(folder, "new") == "new",
    ),
    "permissions that are not synced": Saver(
        before={"key": "old"},
        wrong="import os\nf = os.open('key', os.O_WRONLY); os.fsync(f); os.fchmod(f, 0o600); os.fdatasync(f)\n",
        right="import os\nf = os.open('key', os.O_WRONLY); os.fchmod(f, 0o600); os.fsync(f)\n",
        whole=lambda folder: True,
        done=lambda folder: (folder / "key").stat().st_mode & 0o777 == 0o600,
    ),
    "a cache that is older than what it is made of": Saver(
        before={"cache": "old", "source": "old"},
        wrong=PUT + "put('cache', b'new')\n" + FOLDER + "put('source', b'new')\n" + FOLDER,
        right=PUT + "put('source', b'new')\n" + FOLDER + "put('cache', b'new')\n" + FOLDER,
        whole=lambda folder: is_stale(folder) or text(folder, "cache") == text(folder, "source"),
        done=lambda folder: text(folder, "cache") == text(folder, "source") == "new",
    ),
    "a flag before its data, in memory": Saver(
        before={"state": "0" * 8192},
        wrong=MAP + "m[4096:4097] = b'1'; m[0:1] = b'1'; m.flush()\n",
        right=MAP + "m[4096:4097] = b'1'; m.flush(); m[0:1] = b'1'; m.flush()\n",
        whole=data_behind_flag,
        done=lambda folder: text(folder, "state")[:1] == "1" and data_behind_flag(folder),
    ),
    "SQLite with a log": sqlite("wal", "normal", "full"),
    "SQLite with a journal": sqlite("delete", "off", "extra"),
    "SQLite whose journal comes back": sqlite("delete", "full", "extra"),
}


def bad_states(conduct, tmp_path: Path, saver: Saver, code: str) -> int:
    """How many of the states that a power cut may leave are wrong."""
    program = shutil.which(saver.argv[0])
    if program is None:
        pytest.skip(f"there is no {saver.argv[0]}")

    async def body(rig):
        for name, content in saver.before.items():
            (rig.folder / name).parent.mkdir(exist_ok=True)
            (rig.folder / name).write_text(content)
        saver.prepare(rig.folder)
        recorder = Recorder(rig.folder)
        rig.directors.append(recorder)
        running = await rig.start("one", program, *saver.argv[1:], code, families=WATCH_STORES)
        assert (await running.ended(), running.said("stderr")) == (0, "")
        await running.supervisor.ended.wait()
        return recorder.finish()

    log = conduct(body)
    assert log.unknown == ()
    bad = 0
    for number, state in enumerate(states(log).all):
        folder = tmp_path / str(number)
        materialise(state.tree, folder)
        bad += not (saver.done if state.moment == len(log.operations) else saver.whole)(folder)
    return bad


@pytest.mark.parametrize("name", SAVERS)
def test_what_is_saved_wrongly_is_found(conduct, tmp_path, name):
    assert bad_states(conduct, tmp_path, SAVERS[name], SAVERS[name].wrong)


@pytest.mark.parametrize("name", SAVERS)
def test_what_is_saved_rightly_is_accused_of_nothing(conduct, tmp_path, name):
    assert not bad_states(conduct, tmp_path, SAVERS[name], SAVERS[name].right)
