"""Session locks and transcripts (LCK-1 2 3 6 7 8, MSG-1 2)."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import durable
from reference.deadline import Deadline
from reference.errors import Busy, Local
from reference.home import Home
from reference.locks import Lock, is_free
from reference.messages import Message, ToolCall
from reference.sessions import SessionLock
from reference.transcript import Transcript, conversation, parse

FOREVER = Deadline.after(None)


def says(text: str) -> Message:
    return Message(role="user", text=text)


def test_agents_run_in_parallel_while_one_stalls(ready: Any, provider: Any) -> None:
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    assert ready.agent("lane1", "hello").status == 0
    provider.released.set()
    assert ready.finish(stalled).json["text"] == "released"


def test_sessions_of_one_agent_take_turns_in_its_workspace(ready: Any, provider: Any) -> None:
    ready.write_config(ready.config() | {"limits": {"sessionWaitSeconds": 0.3}})
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    done = ready.agent("lane0", "hello", "--session", "other")
    assert (done.status, done.code) == (75, "workspace-busy")
    assert done.json["error"]["detail"]["holder"]["pid"] == stalled.pid
    provider.released.set()
    assert ready.finish(stalled).status == 0
    assert ready.agent("lane0", "hello", "--session", "other").status == 0


def test_a_directory_is_one_by_every_path(ready: Any, provider: Any) -> None:
    config = ready.config() | {"limits": {"sessionWaitSeconds": 0.3}}
    alias = ready.work / "alias"
    alias.symlink_to(config["agents"]["lane0"]["workspace"])
    config["agents"]["lane1"]["workspace"] = str(alias)
    ready.write_config(config)
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    assert ready.agent("lane1", "hello").code == "workspace-busy"
    provider.released.set()
    assert ready.finish(stalled).status == 0
    assert ready.agent("lane1", "hello").status == 0


def test_tool_may_run_another_session_in_the_workspace_of_its_run(ready: Any) -> None:
    words = ("agent", "--local", "--json", "--agent", "lane0", "--session", "other", "--message", "inner")
    done = ready.agent("lane0", f"run: {' '.join(ready.argv(*words))}")
    assert done.status == 0
    assert "you said inner" in done.json["text"]


def test_busy_session_names_its_holder_within_the_wait(ready: Any, provider: Any) -> None:
    ready.write_config(ready.config() | {"limits": {"sessionWaitSeconds": 0.3}})
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    [running] = ready.runs()
    done = ready.agent("lane0", "hello")
    assert (done.status, done.code) == (75, "session-busy")
    assert done.seconds < 3
    holder = done.json["error"]["detail"]["holder"]
    assert holder["pid"] == running["pid"] == stalled.pid
    assert holder["run_id"] == running["id"]
    assert 0 <= holder["age_seconds"] < 30
    assert len(provider.requests) == 1
    provider.released.set()
    assert ready.finish(stalled).status == 0


def test_second_run_queues_until_the_first_has_ended(ready: Any, provider: Any, until: Any) -> None:
    first = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    second = ready.start_agent("lane0", "hello")
    until(lambda: len(ready.runs()) == 2, "both are listed")
    provider.released.set()
    assert ready.finish(first).status == 0
    assert ready.finish(second).status == 0
    assert [r["text"] for r in ready.transcript("lane0")] == ["stall", "released", "hello", "you said hello"]


def test_waiting_beyond_the_timeout_is_busy_too(ready: Any, provider: Any) -> None:
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    done = ready.agent("lane0", "hello", "--timeout", "0.7")
    assert (done.status, done.code) == (75, "session-busy")
    assert done.seconds < 4
    provider.released.set()
    assert ready.finish(stalled).status == 0


def test_killed_holder_is_replaced_at_once(ready: Any, provider: Any) -> None:
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    stalled.kill()
    stalled.wait(10)
    done = ready.agent("lane0", "hello")
    assert done.status == 0
    assert done.json["run"]["seconds"] < 2


@pytest.mark.parametrize("holder", ["ours", "recycled", "nonsense"])
def test_leftover_records_block_nobody(ready: Any, holder: str) -> None:
    """A record of a live but unrelated pid, as after pid reuse or a reboot."""
    records = {
        "ours": {"pid": os.getpid(), "start_time": 1, "boot_id": "x", "run_id": "r-1", "since": time.time()},
        "recycled": {"pid": 1, "start_time": 0, "boot_id": "y", "run_id": "r-2", "since": 0},
    }
    path = ready.home / "locks" / "session-lane0.main.lock"
    path.write_text(json.dumps(records[holder]) if holder in records else "\0 nonsense")
    done = ready.agent("lane0", "hello")
    assert done.status == 0
    assert done.json["run"]["seconds"] < 2


def test_tool_finds_the_state_of_its_run_when_the_home_is_relative(ready: Any) -> None:
    """LCK-7: in its own folder it would make another state directory, whose sessions nobody has locked."""
    options = {"cwd": ready.home.parent, "env": ready.env(REFERENCE_HOME=ready.home.name)}
    command = f"{sys.executable} -m reference agent --local --json --agent lane0 --message hello"
    done = ready.agent("lane0", f"run: {command}", **options)
    assert "session-busy" in done.json["text"]
    assert not (ready.work / "lane0" / ready.home.name).exists()


@pytest.mark.parametrize(
    "record",
    [
        b"[" * 4000,
        b'{"pid": NaN, "since": NaN}',
        b'{"since": -1e999}',
        b'{"since": 1%s}' % (b"0" * 400),
        b"\xff",
        b"",
    ],
)
def test_busy_session_whose_record_is_nonsense(ready: Any, record: bytes) -> None:
    ready.write_config(ready.config() | {"limits": {"sessionWaitSeconds": 0.1}})
    path = ready.home / "locks" / "session-lane0.main.lock"
    path.write_bytes(record)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = ready.agent("lane0", "hello")
    assert (done.status, done.code) == (75, "session-busy")
    assert done.json["error"]["detail"]["holder"] == {"pid": None, "run_id": None, "age_seconds": None}


def test_age_of_a_holder_is_not_negative_when_the_clock_was_set_back(ready: Any) -> None:
    ready.write_config(ready.config() | {"limits": {"sessionWaitSeconds": 0.1}})
    path = ready.home / "locks" / "session-lane0.main.lock"
    path.write_text(json.dumps({"pid": 1, "run_id": "r-1", "since": time.time() + 3600}))
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = ready.agent("lane0", "hello")
    assert done.json["error"]["detail"]["holder"] == {"pid": 1, "run_id": "r-1", "age_seconds": 0.0}


def test_run_started_by_a_tool_of_the_holder_is_refused_at_once(ready: Any) -> None:
    inner = " ".join(ready.argv("agent", "--local", "--json", "--agent", "lane0", "--message", "inner"))
    done = ready.agent("lane0", f"run: {inner}")
    assert done.status == 0
    assert "session-busy" in done.json["text"]
    assert done.json["run"]["seconds"] < 4


@pytest.mark.parametrize("ending", ["success", "failure", "timeout", "SIGTERM", "SIGINT", "SIGKILL"])
def test_lock_is_free_after_every_ending(ready: Any, provider: Any, ending: str) -> None:
    message = {"success": "hello", "failure": "status: 400"}.get(ending, "run: sleep 300")
    process = ready.start_agent("lane0", message, *(["--timeout", "1"] if ending == "timeout" else []))
    if ending.startswith("SIG"):
        provider.wait_for(1)
        process.send_signal(getattr(signal, ending))
    ready.finish(process)
    assert is_free(str(ready.home / "locks" / "session-lane0.main.lock"))
    assert ready.agent("lane0", "hello").status == 0


def test_a_forked_child_that_closes_the_descriptors_keeps_no_lock(tmp_path: Path) -> None:
    from reference.locks import close_inherited

    path = str(tmp_path / "x.lock")
    held = Lock(path)
    assert held.try_acquire()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        close_inherited()
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    os.close(held._descriptor)  # as the holder's death would
    try:
        Lock(path).acquire(Deadline.after(10)).release()
    finally:
        os.close(write)
        os.waitpid(child, 0)


def test_lock_survives_the_removal_of_its_file(tmp_path: Path) -> None:
    """Whoever locks a file that is no longer at the path has no lock: the next one takes the new file."""
    path = tmp_path / "x.lock"
    first = Lock(str(path))
    assert first.try_acquire()
    path.unlink()
    second = Lock(str(path)).acquire(Deadline.after(1))
    with pytest.raises(Busy):
        Lock(str(path)).acquire(Deadline.after(0.05))
    second.release()
    first.release()


def test_names_with_hyphens_have_locks_of_their_own(tmp_path: Path) -> None:
    home = Home(str(tmp_path)).make()
    one, two = SessionLock(home, "a-b", "c", "r-1"), SessionLock(home, "a", "b-c", "r-2")
    waits: list[object] = []
    one.acquire(Deadline.after(0), waits.append)
    two.acquire(Deadline.after(0), waits.append)
    assert waits == []
    one.release()
    two.release()


def test_superseded_writer_writes_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "s" / "main.jsonl")
    old, new = Transcript(path, "r-old"), Transcript(path, "r-new")
    old.begin(says("one"), FOREVER)
    new.begin(says("two"), FOREVER)
    with pytest.raises(Local) as caught:
        old.append(Message(role="assistant", text="late"), FOREVER)
    assert caught.value.code == "session-superseded"
    new.append(Message(role="assistant", text="in time"), FOREVER)
    records = parse(Path(path).read_bytes())
    assert [r["text"] for r in records] == ["one", "two", "in time"]
    assert [r["fence"] for r in records] == [1, 2, 2]
    assert [r["seq"] for r in records] == [1, 2, 3]


def test_name_of_a_file_that_a_killed_writer_has_made_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "main.jsonl", list[str]()
    path.touch()
    monkeypatch.setattr(durable, "sync_folder", synced.append)
    Transcript(str(path), "r-1").begin(says("first"), FOREVER)
    assert synced == [str(tmp_path)]
    Transcript(str(path), "r-2").begin(says("second"), FOREVER)
    assert synced == [str(tmp_path)]


@pytest.mark.parametrize("cut", range(1, 90, 4))
def test_torn_tail_is_kept_aside_and_never_fused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "main.jsonl"
    Transcript(str(path), "r-1").begin(says("whole"), FOREVER)
    Transcript(str(path), "r-2").begin(says("torn"), FOREVER)
    whole, torn = path.read_bytes().splitlines(keepends=True)
    torn = torn[: min(cut, len(torn) - 2)]
    path.write_bytes(whole + torn)
    messages = Transcript(str(path), "r-3").begin(says("next"), FOREVER)
    assert [m.text for m in messages] == ["whole", "next"]
    assert [json.loads(line)["text"] for line in path.read_bytes().splitlines()] == ["whole", "next"]
    assert Path(f"{path}.torn").read_bytes() == torn + b"\n"


def test_signature_of_a_call_is_kept(tmp_path: Path) -> None:
    path, first = str(tmp_path / "main.jsonl"), Transcript(str(tmp_path / "main.jsonl"), "r-1")
    signed = ToolCall(id="c1", name="exec", arguments={}, signature="c2ln", signed_by="gemini-3-pro-preview")
    plain = ToolCall(id="c2", name="exec", arguments={})
    first.begin(says("go"), FOREVER)
    first.append(Message(role="assistant", tool_calls=(signed, plain)), FOREVER)
    assert Transcript(path, "r-2").begin(says("next"), FOREVER)[1].tool_calls == (signed, plain)


def test_record_that_lost_only_its_line_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "main.jsonl"
    Transcript(str(path), "r-1").begin(says("whole"), FOREVER)
    path.write_bytes(path.read_bytes()[:-1])
    messages = Transcript(str(path), "r-2").begin(says("next"), FOREVER)
    assert [m.text for m in messages] == ["whole", "next"]
    assert not Path(f"{path}.torn").exists()


def test_bad_records_do_not_block_resume(ready: Any, provider: Any) -> None:
    ready.agent("lane0", "one")
    path = ready.home / "sessions" / "lane0" / "main.jsonl"
    bad = [b"\xff\xfe", b"not json", b"[]", b'{"role": "user"}', b'{"role": "king", "text": "x"}', b"", b"[" * 99_999]
    bad.append(b'{"role": "user", "text": "x", "at": NaN}')  # sent on, it would be no JSON
    path.write_bytes(b"\n".join([*bad, path.read_bytes()]))
    done = ready.agent("lane0", "two")
    assert done.status == 0
    texts = [b["content"][0]["text"] for b in provider.requests[-1]["messages"]]
    assert texts == ["one", "you said one", "two"]
    assert path.read_bytes().startswith(b"\n".join(bad))


def test_call_without_result_gets_one(tmp_path: Path) -> None:
    call = ToolCall(id="c1", name="exec", arguments={})
    sent = conversation(
        [
            says("one"),
            Message(role="assistant", tool_calls=(call,)),
            says("two"),
            Message(role="tool", text="stray", tool_call_id="c9"),
        ]
    )
    assert [(m.role, m.tool_call_id) for m in sent] == [("user", ""), ("assistant", ""), ("tool", "c1"), ("user", "")]


roles = st.sampled_from(["user", "assistant", "tool"])
ids = st.sampled_from(["a", "b", "c"])


@settings(deadline=None)
@given(st.lists(st.tuples(roles, st.lists(ids, max_size=2, unique=True), ids), max_size=12))
def test_every_conversation_that_is_sent_is_well_formed(drawn: list[tuple[Any, list[str], str]]) -> None:
    history = [
        Message(role=role, text="t", tool_call_id=answered)
        if role == "tool"
        else Message(
            role=role,
            text="t",
            tool_calls=tuple(ToolCall(id=i, name="exec", arguments={}) for i in calls if role == "assistant"),
        )
        for role, calls, answered in drawn
    ]
    open_calls: set[str] = set()
    sent = conversation([*history, says("last")])
    assert sent[0].role == "user"  # providers refuse one that begins with an answer
    for message in sent:
        if message.role == "tool":
            assert message.tool_call_id in open_calls
            open_calls.remove(message.tool_call_id)
        else:
            assert not open_calls
            open_calls = {call.id for call in message.tool_calls}
    assert not open_calls


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_as_records_or_skipped(data: bytes) -> None:
    for record in parse(data):
        assert record["role"] in ("user", "assistant", "tool")


def test_killed_holder_with_a_stubborn_tool_is_replaced_at_once(ready: Any, until: Any) -> None:
    """The keeper outlives the run for the grace period, and must not keep the session's lock."""
    process = ready.start_agent("lane0", "run: trap '' TERM; touch started; while :; do sleep 1; done")
    until((ready.work / "lane0" / "started").exists, "the tool runs")
    process.kill()
    process.wait(10)
    done = ready.agent("lane0", "hello")
    assert done.status == 0
    assert done.json["run"]["seconds"] < 2


@pytest.mark.parametrize("name", ["fence", "seq"])
def test_number_that_nobody_has_counted_to_blocks_nothing(tmp_path: Path, name: str) -> None:
    """Python reads an integer of 4300 digits, and writes none of more."""
    path = tmp_path / "s.jsonl"
    damaged = json.dumps({"role": "user", "text": "one", name: 10**4300 - 1}) + "\n"
    path.write_text(damaged)
    Transcript(str(path), "r-2").begin(Message(role="user", text="two"), Deadline.after(5))
    kept, added = path.read_text().splitlines(keepends=True)
    assert kept == damaged
    assert json.loads(added)[name] == 1


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize(("name", "first"), [("main.jsonl", ""), ("main.jsonl.torn", '{"half')])
def test_what_is_no_file_in_the_place_of_a_transcript_is_refused(ready: Any, make: Any, name: str, first: str) -> None:
    folder = ready.home / "sessions" / "lane0"
    folder.mkdir()
    if first:
        (folder / "main.jsonl").write_text(first)
    make(folder / name)
    done = ready.agent("lane0", "hello")
    assert (done.status, done.code) == (1, "not-a-file")
    assert done.json["error"]["detail"]["path"] == str(folder / name)
    assert not first or (folder / "main.jsonl").read_text() == first
