"""The states after a power cut, derived by hand for small programs.

Each case lists everything that may be found when the power fails after the program's last call, under `posix` and
under `ordered`, with the reason. They stand in the place of LazyFS, which needs FUSE, and check the same two promises:
what was synced is there, what was not may be missing.
"""

from __future__ import annotations

import pytest

from harness.powerloss.disk import shape
from harness.powerloss.log import Log
from harness.powerloss.models import Ordered, Posix
from harness.powerloss.states import states
from tests.harness.powerloss.crashes import (
    chmod,
    contents,
    create,
    exchange,
    fdatasync,
    folder,
    fsync,
    left_by,
    link,
    mkdir,
    modes_left_by,
    program,
    rename,
    truncate,
    unlink,
    write,
)

CONFIG = folder(config=b"old")
NEW = (create("tmp", 20), write(20, b"new!"))
PUT = rename("tmp", "config", 20)
LOGGED, RENAMED = folder(a=b"x", log=b"1"), rename("a", "b", 10)

DONE = {"config": b"new!"}
UNDONE = {"config": b"old"}
BESIDE = {"config": b"old", "tmp": b"new!"}
EMPTY, HALF, ZEROES = {"config": b""}, {"config": b"ne"}, {"config": b"\0\0\0\0"}

# name, program, under posix, under ordered
CASES = [
    (
        # Nothing is synced. posix: the rename may be there before the bytes, so the file is empty, half, or zeroes; or
        # the rename is not there, and then neither its bytes nor its name need be. ordered: the rename takes the bytes
        # along because it replaces a file, and comes after the creation.
        "replace-without-any-sync",
        program(CONFIG, *NEW, PUT),
        [DONE, EMPTY, HALF, ZEROES, UNDONE, BESIDE, {"config": b"old", "tmp": b""}],
        [DONE, UNDONE, BESIDE, {"config": b"old", "tmp": b""}],
    ),
    (
        # The bytes are safe before the rename is made: whatever becomes of the names, no file is torn. That fsync makes
        # the new name safe as well under ordered, so there tmp is there if the rename is not.
        "replace-with-the-file-synced",
        program(CONFIG, *NEW, fsync(20), PUT),
        [DONE, UNDONE, BESIDE],
        [DONE, BESIDE],
    ),
    (
        # Bytes first, then the name, then the folder: nothing is left to lose.
        "replace-with-both-synced",
        program(CONFIG, *NEW, fsync(20), PUT, fsync()),
        [DONE],
        [DONE],
    ),
    (
        # The rename is safe and the bytes are not. auto_da_alloc repairs exactly this mistake.
        "replace-with-the-folder-synced-alone",
        program(CONFIG, *NEW, PUT, fsync()),
        [DONE, EMPTY, HALF, ZEROES],
        [DONE],
    ),
    (
        # The same onto a free name: auto_da_alloc does not help, as nothing is replaced; but ext4 shows no zeroes, and
        # within a page no half.
        "rename-onto-a-free-name-with-the-folder-synced-alone",
        program(folder(), *NEW, PUT, fsync()),
        [DONE, EMPTY, HALF, ZEROES],
        [DONE, EMPTY],
    ),
    (
        # Within one page: all or nothing on ext4, where the length comes after the bytes; elsewhere the length may be
        # there first, or a part.
        "append",
        program(folder(log=b"a\n"), write(10, b"bc\n", at=2)),
        [{"log": b"a\nbc\n"}, {"log": b"a\n"}, {"log": b"a\nb"}, {"log": b"a\n\0\0\0"}],
        [{"log": b"a\nbc\n"}, {"log": b"a\n"}],
    ),
    (
        # Two pages are written: the first may be there without the second, and elsewhere than on ext4 the second
        # without the first, which then reads as zeroes; with the length in either case, or without it.
        "append-over-a-page-boundary",
        program(folder(log=b"x" * 4094), write(10, b"12345", at=4094)),
        [
            {"log": b"x" * 4094 + rest}
            for rest in (b"12345", b"", b"12", b"12\0\0\0", b"\0\0" + b"345", b"\0\0\0\0\0")
        ],
        [{"log": b"x" * 4094 + rest} for rest in (b"12345", b"", b"12")],
    ),
    (
        # The first append is synced, the second is not: only the second can be lost.
        "append-sync-append",
        program(folder(log=b""), write(10, b"a\n"), fsync(10), write(10, b"b\n", at=2)),
        [{"log": b"a\nb\n"}, {"log": b"a\n"}, {"log": b"a\nb"}, {"log": b"a\n\0\0"}],
        [{"log": b"a\nb\n"}, {"log": b"a\n"}],
    ),
    (
        # One page is written or it is not; no length changes, so there is nothing else to lose.
        "overwrite-in-place-within-a-page",
        program(folder(config=b"old!"), write(10, b"new!")),
        [{"config": b"new!"}, {"config": b"old!"}],
        [{"config": b"new!"}, {"config": b"old!"}],
    ),
    (
        # Two pages, written in any order, on ext4 too: data=ordered promises nothing for what has its blocks already.
        "overwrite-in-place-of-two-pages",
        program(folder(config=b"a" * 8192), write(10, b"b" * 8192)),
        [{"config": first * 4096 + second * 4096} for first in (b"a", b"b") for second in (b"a", b"b")],
        [{"config": first * 4096 + second * 4096} for first in (b"a", b"b") for second in (b"a", b"b")],
    ),
    (
        # What open(path, "w") does. The cut may be there without the bytes: an empty file. Elsewhere than on ext4 the
        # bytes may be there without the cut: the end of the old text behind the new one.
        "truncate-and-write",
        program(folder(config=b"older!"), truncate(10), write(10, b"new!")),
        [DONE, EMPTY, HALF, ZEROES, {"config": b"older!"}, {"config": b"new!r!"}],
        [DONE, EMPTY, {"config": b"older!"}],
    ),
    (
        # Backups moved up by one. The second rename takes over the name that the first gave up, so it cannot be there
        # alone: the older backup is never lost.
        "rename-chain",
        program(folder(config=b"1", bak=b"0"), rename("bak", "bak2", 11), rename("config", "bak", 10)),
        [{"bak2": b"0", "bak": b"1"}, {"config": b"1", "bak2": b"0"}, {"config": b"1", "bak": b"0"}],
        [{"bak2": b"0", "bak": b"1"}, {"config": b"1", "bak2": b"0"}, {"config": b"1", "bak": b"0"}],
    ),
    (
        # Two files change places. That is no replacement to ext4, so the new one's bytes may be missing there as well.
        "exchange-without-the-file-synced",
        program(CONFIG, *NEW, exchange("tmp", 20, "config", 10), fsync()),
        [{"tmp": b"old"} | state for state in (DONE, EMPTY, HALF, ZEROES)],
        [{"tmp": b"old"} | state for state in (DONE, EMPTY)],
    ),
    (
        # A move in two steps. Nothing orders two names under posix, so the file can be lost with both; ext4's journal
        # writes the link first.
        "link-and-unlink",
        program(folder(a=b"x"), link("b", 10), unlink("a")),
        [{"b": b"x"}, {"a": b"x", "b": b"x"}, {"a": b"x"}, {}],
        [{"b": b"x"}, {"a": b"x", "b": b"x"}, {"a": b"x"}],
    ),
    (
        # The file and its folder are synced, the folder's own name is not: all of it may be gone. fsync(2): "an
        # explicit fsync() on a file descriptor for the directory is also needed".
        "new-folder-whose-parent-is-not-synced",
        program(folder(), mkdir("d", 5), create("f", 20, inside=5), write(20, b"x"), fsync(20), fsync(5)),
        [{"d/f": b"x"}, {}],
        [{"d/f": b"x"}],
    ),
    (
        # A rename from one folder to another is in both or in neither; the sync of the latter settles it.
        "rename-between-two-folders",
        program(folder(a=b"x"), mkdir("e", 5), fsync(), rename("a", "a", 10, into=5)),
        [{"e/a": b"x"}, {"a": b"x"}],
        [{"e/a": b"x"}, {"a": b"x"}],
    ),
    (
        # That of the former does on ext4, with one journal for both; fsync(2): "the directory containing the file".
        "rename-between-two-folders-with-the-former-synced",
        program(folder(a=b"x"), mkdir("e", 5), fsync(), rename("a", "a", 10, into=5), fsync()),
        [{"e/a": b"x"}, {"a": b"x"}],
        [{"e/a": b"x"}],
    ),
    (
        "rename-between-two-folders-with-the-latter-synced",
        program(folder(a=b"x"), mkdir("e", 5), fsync(), rename("a", "a", 10, into=5), fsync(5)),
        [{"e/a": b"x"}],
        [{"e/a": b"x"}],
    ),
    (
        # The journal is written up to the log's own last change of length, and it has none: fdatasync leaves the
        # rename where it is, on ext4 too.
        "rename-and-an-overwritten-log-with-its-data-synced",
        program(LOGGED, RENAMED, write(11, b"2"), fdatasync(11)),
        [{"b": b"x", "log": b"2"}, {"a": b"x", "log": b"2"}],
        [{"b": b"x", "log": b"2"}, {"a": b"x", "log": b"2"}],
    ),
    (
        # fsync writes the log's time of change, and with it all that the journal had before.
        "rename-and-an-overwritten-log-synced",
        program(LOGGED, RENAMED, write(11, b"2"), fsync(11)),
        [{"b": b"x", "log": b"2"}, {"a": b"x", "log": b"2"}],
        [{"b": b"x", "log": b"2"}],
    ),
    (
        "rename-and-a-log-that-grows-with-its-data-synced",
        program(LOGGED, RENAMED, write(11, b"2", at=1), fdatasync(11)),
        [{"b": b"x", "log": b"12"}, {"a": b"x", "log": b"12"}],
        [{"b": b"x", "log": b"12"}],
    ),
    (
        # Between the write and the rename the journal may have been written: then fsync has nothing to write.
        "rename-behind-the-last-change-of-what-is-synced",
        program(LOGGED, write(11, b"2"), RENAMED, fsync(11)),
        [{"b": b"x", "log": b"2"}, {"a": b"x", "log": b"2"}],
        [{"b": b"x", "log": b"2"}, {"a": b"x", "log": b"2"}],
    ),
    (
        # Two new files that have nothing to do with each other: in any order, but for one journal.
        "two-files",
        program(folder(), create("a", 20), create("b", 21)),
        [{"a": b"", "b": b""}, {"a": b""}, {"b": b""}, {}],
        [{"a": b"", "b": b""}, {"a": b""}, {}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("log", "posix", "ordered"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_states_derived_by_hand(log: Log, posix: list[dict[str, bytes]], ordered: list[dict[str, bytes]]) -> None:
    def in_order(found: list[dict[str, bytes]]) -> list[dict[str, bytes]]:
        return sorted(found, key=lambda one: sorted(one.items()))

    assert left_by(log, Posix) == in_order(posix)
    assert left_by(log, Ordered) == in_order(ordered)


PRIVATE, OPEN = 0o600, 0o644
WHOLE = program(CONFIG, *NEW, fsync(20)).operations


@pytest.mark.parametrize(
    ("operations", "posix", "ordered"),
    [
        # fsync writes what is said of a file; the folder's does not, but for ext4's one journal, which has it before.
        ((chmod(20, OPEN), fsync(20), PUT, fsync()), {OPEN}, {OPEN}),
        ((chmod(20, OPEN), PUT, fsync()), {PRIVATE, OPEN}, {OPEN}),
        # fdatasync passes over it, as no byte is found by it (fsync(2)); so the journal need not be written for it.
        ((chmod(20, OPEN), fdatasync(20), PUT, fsync()), {PRIVATE, OPEN}, {OPEN}),
        ((PUT, fsync(), chmod(20, OPEN), fdatasync(20)), {PRIVATE, OPEN}, {PRIVATE, OPEN}),
        ((PUT, fsync(), chmod(20, OPEN), fsync(20)), {OPEN}, {OPEN}),
        # What is said of one file comes in order: the first of two is not lost alone.
        ((PUT, fsync(), chmod(20, OPEN), chmod(20, 0o640)), {PRIVATE, OPEN, 0o640}, {PRIVATE, OPEN, 0o640}),
    ],
)
def test_what_is_said_of_a_file_is_safe_once_it_is_synced(operations, posix, ordered) -> None:
    log = program(CONFIG, *WHOLE, *operations)
    assert modes_left_by(log, Posix, "config") == posix
    assert modes_left_by(log, Ordered, "config") == ordered


def test_the_last_moment_comes_first_and_the_smallest_loss_first() -> None:
    """A shape that can be found at several moments is told as found at the last: by then most had been promised."""
    log = program(CONFIG, *NEW, PUT)
    found = states(log).all
    assert [state.moment for state in found] == sorted((s.moment for s in found), reverse=True)
    assert contents(found[0].tree) == DONE
    assert contents(found[1].tree) != DONE
    assert [len(state.losses) for state in found if state.moment == 3] == [0, 1, 1, 1, 1, 2, 2]


def test_what_no_sync_would_prevent_is_told_as_found_with_nothing_lost() -> None:
    """The config is away between two renames. It is also when the second is lost, but that is not why it can be."""
    log = program(CONFIG, *NEW, fsync(20), rename("config", "bak", 10), PUT, fsync())
    [away] = [state for state in states(log).all if contents(state.tree) == {"bak": b"old", "tmp": b"new!"}]
    assert (away.moment, dict(away.losses)) == (4, {})


def test_each_shape_is_found_once_and_the_same_each_time() -> None:
    log = program(CONFIG, *NEW, fsync(20), PUT, fsync())
    shapes = [shape(state.tree) for state in states(log).all]
    assert len(shapes) == len(set(shapes))
    assert shapes == [shape(state.tree) for state in states(log).all]


def test_it_is_said_which_models_allow_a_state() -> None:
    log = program(CONFIG, *NEW, PUT)
    models = {contents(state.tree)["config"]: state.models for state in states(log).all if state.moment == 3}
    assert models[b""] == ("posix",)
    assert models[b"new!"] == models[b"old"] == ("posix", "ordered")


def test_the_bound_says_how_many_it_leaves_out() -> None:
    log = program(CONFIG, *NEW, PUT)
    every = states(log)
    few = states(log, most=2)
    assert (few.all, few.left_out) == (every.all[:2], len(every.all) - 2)


def test_states_grow_no_faster_than_the_log() -> None:
    """Forty files that nobody syncs: some states for each, and not two to the power of forty."""
    one = [
        operation for number in range(40) for operation in (create(f"f{number}", 20 + number), write(20 + number, b"x"))
    ]
    log = program(folder(), *one)
    assert len(left_by(log, Posix)) <= 5 * len(one)
    assert len(left_by(log, Ordered)) <= 5 * len(one)
