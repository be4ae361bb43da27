"""The sentence and the picture of a schedule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.schedules.decisions import Decisions, Fault
from harness.schedules.explain import explain
from harness.schedules.neighbour import Neighbour
from harness.schedules.overwrites import overwrites
from harness.schedules.points import ANSWERED, FACTS_OF, HELD, NAMES_IN, PROCESS, Point, Touch
from harness.schedules.trace import Step, Trace

CONFIG = "openclaw.json"
NOTHING = "no actor undid what another one had changed"


def trace(*points: Point, preempted: int = -1) -> Trace:
    """A run in which nobody else was enabled, but for the actor of the step before `preempted`."""
    steps = []
    for place, point in enumerate(points):
        waits = next((p for p in points[place:] if p.actor == points[place - 1].actor), None)
        enabled = (waits, point) if place == preempted and waits else (point,)
        steps.append(Step(enabled=enabled, chosen=point))
    return Trace(tuple(steps))


def at(actor: str, index: int, call: str, *touches: str) -> Point:
    """ "-x" is a read of x, "x" a change."""
    found = tuple(Touch(touch.removeprefix("-"), not touch.startswith("-")) for touch in touches)
    return Point(actor=actor, index=index, call=call, touches=found)


def add(actor: str, *, reads: bool = True) -> list[Point]:
    first = at(actor, 0, "open", f"-{CONFIG}") if reads else at(actor, 0, "mkdir", f"agents/{actor}")
    return [first, at(actor, 1, "open", f"{actor}.tmp"), at(actor, 2, "rename", f"{actor}.tmp", CONFIG)]


def lost(*, reads: bool) -> Trace:
    zero, two = add("add-lane0", reads=reads), add("add-lane2", reads=reads)
    return trace(*two[:2], *zero, two[2], preempted=2)


def test_a_lost_update_with_its_read() -> None:
    assert explain(lost(reads=True)) == (
        "add-lane2 replaced openclaw.json at its rename after add-lane0 had replaced it; add-lane2 had read it before"
    )


def test_a_lost_update_whose_reads_were_not_recorded() -> None:
    assert explain(lost(reads=False)) == (
        "add-lane2 replaced openclaw.json at its rename after add-lane0 had replaced it; "
        "add-lane2 had begun before that, and may have seen what was there then"
    )


def test_what_one_program_of_a_shell_has_read_another_one_writes() -> None:
    """The writer reads for itself as well, in time; what it writes was told it by the shell."""
    read, rewritten = at("b/1", 0, "openat", "-c"), at("b/2", 0, "openat", "-c")
    points = [read, at("a", 0, "rename", "c.lock", "c"), rewritten, at("b/2", 1, "rename", "c.lock", "c")]
    told = "b/2 replaced c at its rename after a had replaced it; b/1 had read it before"
    assert explain(trace(*points)) == told
    appended = [at("a", 1, "write", "log"), at("b", 0, "write", "log")]  # of which less is known
    assert explain(trace(*points[:2], appended[0], *points[2:], appended[1])) == told
    in_time = [points[1], read, *points[2:]]
    assert explain(trace(*in_time)) == NOTHING


def test_who_is_overwritten_by_its_brother_is_told_where_they_decide() -> None:
    """Children of one parent, of which each begins with what the other one had not yet written."""
    one, two = ([replace(point, actor=f"a/{n}") for point in add("x")] for n in (1, 2))
    points = [two[0], *one, *two[1:]]
    passes = Decisions.parse("-")
    deciding = Neighbour(violates=passes, passes=passes, first=two[0], second=one[2])
    assert explain(trace(*points), neighbour=deciding) == (
        f"a/2 replaced {CONFIG} at its rename after a/1 had replaced it; a/2 had read it before"
    )


def test_a_change_between_two_of_anothers_is_told_as_that() -> None:
    """As of a record that is appended in two writes; who had changed the file itself need not have looked at it."""
    points = [at("a", 0, "openat", "-log"), at("a", 1, "write", "log"), at("b", 0, "write", "log")]
    assert explain(trace(*points, at("a", 2, "write", "log"), preempted=2)) == (
        "a wrote log at its write after b had written it; that came between a's write of it and this one"
    )


def test_who_has_read_a_file_and_looks_at_it_again_has_read_it() -> None:
    """As mv(1) does before it replaces one. Who only looks has looked."""
    read, change = at("a", 0, "openat", "-count"), at("b", 0, "rename", "new", "count")
    look, late = at("a", 1, "newfstatat", "-count"), at("a", 2, "rename", "tmp", "count")
    said = "a replaced count at its rename after b had replaced it; a had read it before"
    assert explain(trace(read, change, look, late, preempted=1)) == said
    looked = "a replaced count at its rename after b had replaced it; a had looked at it before"
    assert explain(trace(look, change, late, preempted=1)) == looked


def test_the_locks_of_a_database_have_their_names() -> None:
    first, second = at("a", 0, "fcntl", "lock:db@1073741825+1"), at("b", 0, "fcntl", "lock:db@9+1")
    pair = Neighbour(violates=Decisions(), passes=Decisions(), first=first, second=second)
    assert explain(trace(first, second), neighbour=pair) == (
        "what decides is that a's fcntl of lock:db@1073741825+1 (RESERVED, as SQLite has it) comes before "
        "b's fcntl of lock:db@9+1"
    )


def test_a_look_without_a_turn_is_told_as_one() -> None:
    """It is known of a point that it has looked behind it, and so before whatever came next."""
    glance = Touch(f"{FACTS_OF}lock", writes=False, behind=True)
    start = replace(at("b", 0, "start"), touches=(glance,))
    assert explain(trace(start, at("a", 0, "utimensat", "lock"), at("b", 1, "unlink", "lock"), preempted=1)) == (
        "b removed lock at its unlink after a had changed it; b had looked at it before"
    )


def test_a_lock_that_is_lost_on_the_way_is_told() -> None:
    """As record locks are by closing any descriptor of their file (fcntl(2))."""
    lost = Touch(f"{HELD}count", writes=True, behind=True)
    read = at("a", 1, "openat", "-count")
    points = [at("a", 0, "fcntl", "lock:count"), replace(read, touches=(*read.touches, lost))]
    rest = [at("b", 0, "pwrite64", "count"), at("a", 2, "pwrite64", "count")]
    assert explain(trace(*points, *rest, preempted=2)) == (
        "a wrote count at its pwrite64 after b had written it; "
        "a had read it before, and let go of the lock of count behind its openat"
    )


def test_a_refused_connection_is_no_read() -> None:
    points = [at("b", 0, "connect", "-sock"), at("a", 0, "bind", "sock"), at("b", 1, "unlink", "sock")]
    assert explain(trace(*points, preempted=1)) == (
        "b removed sock at its unlink after a had bound it; b had asked for a connection to it before"
    )


@pytest.mark.parametrize("call", ["mkdir", "openat"])
def test_a_name_that_was_taken_is_no_read(call: str) -> None:
    """An open with O_EXCL is one by its touch alone."""
    taken = Point(actor="b", index=0, call=call, touches=(Touch("lock", False, taken=True),))
    points = [taken, at("a", 0, "rmdir", "lock"), at("b", 1, "rmdir", "lock")]
    assert explain(trace(*points, preempted=1)) == (
        "b removed lock at its rmdir after a had removed it; b had found it before"
    )


def test_a_server_that_ends_is_told() -> None:
    first, second = at("a", 1, "rename", "log", f"{ANSWERED}sock"), at("b", 0, "connect", "-sock", f"-{ANSWERED}sock")
    neighbour = Neighbour(violates=Decisions(), passes=Decisions(), first=first, second=second)
    assert explain(trace(first, second), neighbour=neighbour) == (
        "what decides is that a's rename of log (behind which it listens no more on sock) comes before "
        "b's connect of sock"
    )


def test_a_lock_that_is_let_go_of_by_closing_is_told() -> None:
    """No call of its own shows it, so that the deciding points seem to have nothing to do with each other."""
    first = at("b", 1, "fcntl", "lock:db", f"{HELD}init")
    second = at("a", 0, "flock", "lock:init", f"-{HELD}init")
    neighbour = Neighbour(violates=Decisions(), passes=Decisions(), first=first, second=second)
    assert explain(trace(first, second), neighbour=neighbour) == (
        "what decides is that b's fcntl of lock:db (behind which it lets go of the lock of init) "
        "comes before a's flock of lock:init"
    )


def test_one_after_the_other_is_no_overwriting() -> None:
    assert not list(overwrites(add("add-lane0") + add("add-lane2")))
    assert explain(trace(*add("a"), *add("b"))) == NOTHING


def test_a_read_after_the_change_makes_it_known() -> None:
    zero, two = add("add-lane0"), add("add-lane2")
    again = [*two[:2], *zero, at("add-lane2", 2, "open", f"-{CONFIG}"), at("add-lane2", 3, "rename", CONFIG)]
    assert not list(overwrites(again))


def test_locks_are_not_overwritten() -> None:
    locks = [at("a", 0, "flock", "lock:x"), at("a", 1, "flock", "lock:x")]
    assert not list(overwrites([at("b", 0, "stat", "-y"), *locks, at("b", 1, "flock", "lock:x")]))


def test_the_object_of_the_deciding_points_is_told() -> None:
    """Two objects were overwritten, and the race that decides is on the first."""
    points = [at("a", 0, "open", "-x"), at("a", 1, "open", "-y"), at("b", 0, "write", "x"), at("b", 1, "write", "y")]
    points += [at("a", 2, "unlink", "x"), at("a", 3, "write", "y")]
    assert explain(trace(*points)).startswith("a wrote y at its write after b had written it")
    pair = Neighbour(violates=Decisions(), passes=Decisions(), first=points[2], second=points[4])
    assert (
        explain(trace(*points), neighbour=pair)
        == "a removed x at its unlink after b had written it; a had read it before"
    )


def test_what_a_rename_took_away_it_has_not_replaced() -> None:
    """Two that lock with a file made by O_EXCL, and move it onto what it locks."""
    points = [at("a", 0, "open", "x.lock"), at("b", 0, "open", "-x"), at("a", 1, "rename", "x.lock", "x")]
    points += [at("b", 1, "open", "x.lock")]
    assert explain(trace(*points)) == NOTHING


def test_a_backup_by_a_link_is_neither_a_look_at_the_file_nor_a_change() -> None:
    read, made, renamed = add("add-lane2")
    backup = at("add-lane2", 2, "link", CONFIG, f"{CONFIG}.bak")
    points = [read, *add("add-lane0"), made, backup, replace(renamed, index=3)]
    assert explain(trace(*points)) == explain(lost(reads=True))


def test_what_was_read_before_and_what_was_read_after_is_told() -> None:
    """Nothing is overwritten, and the sum of the two is wrong all the same."""
    old, new = at("audit", 0, "openat", "-left"), at("audit", 1, "openat", "-right")
    left, right = at("move", 0, "rename", "left.new", "left"), at("move", 1, "rename", "right.new", "right")
    told = Neighbour(violates=Decisions(), passes=Decisions(), first=right, second=new)
    said = "audit read left before move had replaced it, and right after that one had been replaced too"
    assert explain(trace(old, left, right, new), neighbour=told) == said
    both_old = explain(trace(old, new, left, right), neighbour=told)
    assert both_old.startswith("what decides is")


def test_who_had_listed_the_folder_is_told() -> None:
    points = [at("a", 0, "getdents64", f"{NAMES_IN}jobs"), at("b", 0, "rename", "jobs/1", "b.job")]
    said = "a renamed jobs/1 at its rename after b had renamed it; a had listed its folder before that"
    assert explain(trace(*points, at("a", 1, "rename", "jobs/1", "a.job"), preempted=1)) == said


def test_without_an_overwriting_the_order_is_told() -> None:
    points = [at("a", 0, "unlink", "lane.lock"), at("b", 0, "open", "-lane.lock")]
    pair = Neighbour(violates=Decisions(), passes=Decisions(), first=points[0], second=points[1])
    said = explain(trace(*points), neighbour=pair)
    assert said == "what decides is that a's unlink of lane.lock comes before b's open of lane.lock"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("ENOSPC", "a's rename of a.tmp to openclaw.json failed with ENOSPC"),
        ("short", "a's rename of a.tmp to openclaw.json was cut short"),
        ("torn", "a's rename of a.tmp to openclaw.json was cut off in its middle, as a was killed there"),
        ("kill", "a's rename of a.tmp to openclaw.json never happened, as a was killed there"),
        (
            "stall",
            "a's rename of a.tmp to openclaw.json was followed by a long pause (SIGSTOP), "
            "until the others had ended, or waited for seconds",
        ),
        ("SIGTERM", "a's rename of a.tmp to openclaw.json came with SIGTERM"),
    ],
)
def test_faults_are_told(what: str, said: str) -> None:
    assert explain(trace(*add("a")), [Fault("a", 2, what), Fault("a", 9, "EIO")]) == said


def test_who_asks_for_a_connection_has_read_nothing() -> None:
    """It reads where the server listens, and asks before it does: neither is a half of one thing."""
    told, asked, listens = (
        at("cli", 0, "open", "-port"),
        at("cli", 1, "connect", "-port:80"),
        at("srv", 1, "listen", "port:80"),
    )
    schedule = trace(at("srv", 0, "rename", "new", "port"), told, asked, listens)
    pair = Neighbour(violates=Decisions(), passes=Decisions(), first=asked, second=listens)
    said = "what decides is that cli's connect of port:80 comes before srv's listen of port:80"
    assert explain(schedule, (), pair) == said


def test_who_sets_a_mode_overwrites_nothing() -> None:
    """Python's dbm.dumb opens for appending, sets the mode, and appends what it had in memory."""
    read, chmod = at("a", 0, "openat", "-db"), at("a", 1, "chmod", "db")
    mine, theirs = at("a", 2, "write", "db"), at("b", 0, "write", "db")
    said = "a wrote db at its write after b had written it; a had read it before"
    assert explain(trace(read, theirs, chmod, mine, preempted=1)) == said
    only_marks = "a changed db at its chmod after b had written it; a had read it before"
    assert explain(trace(read, theirs, chmod, preempted=1)) == only_marks


def test_a_folder_whose_mode_is_set_again_and_again_does_not_hide_what_was_lost() -> None:
    """OpenClaw 2026.4.2 makes sure of its folder before it sets its mode; its reads are no points."""
    mine = [at("a", 0, "mkdir", "-home"), at("a", 1, "chmod", "home"), at("a", 2, "rename", "a.tmp", CONFIG)]
    theirs = [at("b", 0, "chmod", "home"), at("b", 1, "rename", "b.tmp", CONFIG)]
    pair = Neighbour(violates=Decisions(), passes=Decisions(), first=theirs[1], second=mine[2])
    assert explain(trace(mine[0], *theirs, *mine[1:], preempted=1), (), pair) == (
        "a replaced openclaw.json at its rename after b had replaced it; "
        "a had begun before that, and may have seen what was there then"
    )


def test_who_makes_anew_what_another_one_has_removed_overwrites_nothing() -> None:
    """As SQLite's journal, which each writer makes and removes."""
    begun, removed, made = at("a", 0, "start"), at("b", 0, "unlink", "db-journal"), at("a", 1, "openat", "db-journal")
    assert explain(trace(begun, removed, made, preempted=1)) == NOTHING
    renamed = at("b", 0, "rename", "db-journal", "db-old")
    for taken in (removed, renamed):
        assert explain(trace(replace(made, index=0), taken, made, preempted=1)) == NOTHING
    told = "a opened db-journal at its openat after b had removed it; a had read it before"
    assert explain(trace(at("a", 0, "openat", "-db-journal"), removed, made, preempted=1)) == told


def test_it_is_said_of_the_actor_that_it_had_begun_before_and_not_of_a_process_of_its_that_had_not() -> None:
    begun, change, later = at("a", 0, "start"), at("b", 0, "rename", "new", "db"), at("a/4", 0, "rename", "t", "db")
    said = (
        "a/4 replaced db at its rename after b had replaced it; a had started before that, and may have seen what was"
    )
    assert explain(trace(begun, change, later, preempted=1)) == f"{said} there then"


def test_a_stop_is_told_as_a_pause() -> None:
    said = explain(trace(*add("a")), [Fault("a", 0, "SIGSTOP")])
    pause = "was followed by a pause (SIGSTOP), until the others had ended or could get no further"
    assert said == f"a's open of openclaw.json {pause}"


def test_an_end_and_a_question_about_it_are_told_as_that() -> None:
    ends = replace(at("a", 1, "unlink", "lock"), touches=(Touch("lock", True), Touch(f"{PROCESS}a", True, behind=True)))
    asks = at("b", 1, "kill", f"-{PROCESS}a")
    end, question = "a's unlink of lock (behind which it ends)", "b's question whether a is there"
    for first, second, one, other in ((ends, asks, end, question), (asks, ends, question, end)):
        pair = Neighbour(violates=Decisions(), passes=Decisions(), first=first, second=second)
        said = explain(trace(first, second), neighbour=pair)
        assert said == f"what decides is that {one} comes before {other}"


def test_where_every_order_violates_no_chance_overwriting_is_blamed() -> None:
    """What another actor had left when it began is overwritten by each program that writes its own file."""
    points = [at("b", 0, "start"), at("a", 0, "rename", "a.tmp", "last"), at("b", 1, "rename", "b.tmp", "last")]
    assert explain(trace(*points, preempted=1)).startswith("b replaced last at its rename after a had replaced it")
    assert explain(trace(*points, preempted=1), sought=True) == (
        "no order of the calls was found in which it does not happen"
    )


def test_nothing_is_said_of_nothing() -> None:
    assert explain(Trace(())) == NOTHING
