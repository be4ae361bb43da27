"""Every variant breaks what it says, and does its daily work otherwise."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from reference import durable, variants
from reference.config import ConfigStore
from reference.deadline import Deadline
from reference.errors import Busy, Local
from reference.home import Home
from reference.locks import is_free
from reference.messages import Message
from reference.parts import Parts

OURS = (
    "accounts-rest-together",
    "answers-are-tidied",
    "attempts-lost-when-stopped",
    "background-ends-unnoticed",
    "background-ends-with-its-delegate",
    "background-keeps-locks",
    "background-prints-to-its-turn",
    "backup-opened-to-others",
    "bad-input-traceback",
    "blocked-prompt-is-an-outage",
    "broken-pipe-is-a-traceback",
    "busy-age-of-the-heartbeat",
    "busy-names-the-waiting-run",
    "calls-of-others-unmarked",
    "calls-told-without-arguments",
    "cancel-does-not-wait",
    "cancel-forgets-background-work",
    "cancel-leaves-the-run",
    "cancel-trusts-the-pid",
    "cancelled-work-is-an-empty-answer",
    "cancelled-work-is-waited-for",
    "clean-up-has-seconds",
    "clean-up-stops-at-a-signal",
    "client-errors-are-fatal",
    "client-waits-for-the-next-gateway",
    "codes-quoted-whole",
    "commands-in-ascii",
    "comments-end-the-answer",
    "config-busy-reads-as-empty",
    "config-drops-null-keys",
    "config-drops-unknown-keys",
    "config-first-unlocked",
    "config-first-write-in-place",
    "config-in-place-write",
    "config-lock-by-path",
    "config-lock-given-up",
    "config-lock-unsupported",
    "config-missing-is-first-use",
    "config-no-folder-fsync",
    "config-no-fsync",
    "config-of-zeroes-is-empty",
    "config-one-temporary",
    "config-opened-to-others",
    "config-read-to-its-first-end",
    "config-resets-when-damaged",
    "config-unlocked",
    "config-written-once",
    "credentials-file-unlocked",
    "cut-before-it-is-redacted",
    "damaged-line-is-shown",
    "dead-recorded-as-succeeded",
    "delegates-share-a-directory",
    "delete-writes-its-own-way",
    "denied-is-untyped",
    "descriptors-are-the-providers",
    "detached-turns-end-with-their-client",
    "disk-full-swallowed",
    "doctor-cries-wolf",
    "doctor-keeps-the-journal",
    "doctor-passes-over-cooldowns",
    "doctor-passes-over-groups",
    "doctor-passes-over-modes",
    "doctor-removes-live-sockets",
    "doctor-takes-back-live-worktrees",
    "doctor-takes-locks-for-leftovers",
    "doctor-ticks-off-failures",
    "entries-written-anew",
    "exit-status-is-dropped",
    "exit-zero-when-killed",
    "failed-work-is-an-empty-answer",
    "failover-on-stdout",
    "failovers-are-reported",
    "fence-at-the-end-only",
    "fence-checked-before-the-write",
    "folder-before-the-name-is-checked",
    "gateway-accepts-before-it-records",
    "gateway-address-taken",
    "gateway-ends-without-descriptors",
    "gateway-failure-exits-zero",
    "gateway-goes-on-alone",
    "gateway-keeps-descriptors",
    "gateway-limits-answers",
    "gateway-looks-for-news",
    "gateway-lost-runs-here",
    "gateway-noted-once-it-listens",
    "gateway-prints-progress",
    "gateway-resumes-runs",
    "gateway-returns-on-acceptance",
    "gateway-stops-without-its-turns",
    "gateway-tells-errors-in-short",
    "gateway-trusts-the-pid",
    "gateway-waits-for-stopped-workers",
    "git-locks-are-removed",
    "git-obeys-the-environment",
    "given-up-ends-the-gateways-runs",
    "grace-is-always-the-default",
    "half-a-call-is-mended",
    "hang-up-exits-zero",
    "hangs-on-closed-stdin",
    "idle-time-for-the-whole-answer",
    "key-of-another-provider",
    "killed-tool-is-a-success",
    "like-calls-are-remembered",
    "locks-by-the-homes-path",
    "long-commands-end-the-turn",
    "long-message-is-cut",
    "long-paths-leave-folders",
    "lost-documents-exit-zero",
    "names-with-a-line-end",
    "next-model-without-tools",
    "output-lost-beyond-the-pipe",
    "output-needs-a-pipe-that-waits",
    "profiles-are-refused-together",
    "redirects-are-followed",
    "refresh-busy-reads-as-missing",
    "refusals-are-empty-answers",
    "refusals-outlast-the-sign-in",
    "refusals-quoted-whole",
    "refused-by-the-gateway-is-a-success",
    "refused-credential-asked-with-again",
    "repair-goes-on-after-a-signal",
    "repair-has-a-lock-of-its-own",
    "repair-trusts-its-first-look",
    "requests-are-logged",
    "rests-cut-short-by-shorter",
    "rests-end-after-a-minute",
    "rests-in-milliseconds-last-seconds",
    "rests-in-words-ignored",
    "rests-lose-their-days",
    "rests-must-be-numbers",
    "rests-outlast-the-clock",
    "results-cut-for-one-provider",
    "results-delivered-twice",
    "results-dropped-when-busy",
    "results-marked-too-early",
    "results-of-killed-turns-untold",
    "results-of-other-calls",
    "results-told-to-every-main",
    "results-told-to-every-session",
    "run-ids-of-pids",
    "runs-list-first-page",
    "runs-list-shows-turns-alone",
    "runs-list-trusts-the-table",
    "runs-listed-twice",
    "runs-table-never-waited-for",
    "server-errors-by-a-list",
    "session-keys-without-agents",
    "session-lock-by-the-command-line",
    "session-lock-global",
    "session-lock-kept-on-error",
    "session-lock-lease",
    "session-lock-pid-only",
    "session-lock-stale-wait",
    "session-lock-unlinked",
    "session-lock-untyped",
    "session-lock-waits-for-itself",
    "session-names-are-paths",
    "session-names-cut",
    "session-names-tidied",
    "session-wait-silent",
    "signal-between-grant-and-store",
    "signal-is-a-database-error",
    "signature-of-the-last-call",
    "silent-answers-are-failures",
    "slow-commands-end-the-turn",
    "stdout-noise",
    "stopped-tool-is-a-result",
    "store-must-be-whole",
    "stream-chunks-end-with-lines",
    "stream-errors-are-refusals",
    "stream-lines-end-with-lf",
    "success-before-the-record",
    "sync-errors-are-ignored",
    "temporaries-elsewhere",
    "thoughts-are-said",
    "timeout-begins-with-the-session",
    "timeout-for-each-step",
    "timeout-ignores-hangs",
    "timeouts-that-are-no-number",
    "token-endpoint-quoted",
    "token-redirects-are-followed",
    "too-many-steps-succeed",
    "tools-begin-elsewhere",
    "tools-ignore-broken-pipes",
    "tools-inherit-locks",
    "tools-resolve-the-home-anew",
    "transcript-failures-swallowed",
    "transcript-lines-of-unicode",
    "transcript-one-bad-line",
    "transcript-recovers-twice",
    "transcript-sent-as-it-stands",
    "transcript-torn-tail",
    "transcript-unfenced",
    "unknown-events-end-the-answer",
    "unknown-tools-end-the-turn",
    "unreadable-reads-as-empty",
    "waits-for-the-connection-to-end",
    "words-beside-calls-dropped",
    "workspace-in-a-shell-command",
    "workspace-unlocked",
    "worktree-branch-of-others-removed",
    "worktree-branch-stays-locked",
    "worktree-left-behind",
    "worktree-of-a-listed-agent-taken-back",
    "worktree-of-an-agent-taken-back",
    "worktree-of-killed-add-stays",
    "worktree-stashes-first",
    "worktree-taken-back-too-far",
    "worktree-takes-an-empty-folder",
    "worktree-tracks-upstream",
    "wrong-arguments-end-the-turn",
    "wrong-delegations-end-the-turn",
    "zombies-are-alive",
)


def test_list_has_a_line_and_rules_for_each() -> None:
    ran = subprocess.run([sys.executable, "-m", "reference.variants", "--json"], capture_output=True, check=True)
    found = {v["name"]: v for v in json.loads(ran.stdout)["variants"]}
    assert set(OURS) <= set(found)
    for variant in found.values():
        assert variant["summary"].endswith((".", "]"))
        assert variant["breaks"]
    ran = subprocess.run([sys.executable, "-m", "reference.variants"], capture_output=True, text=True, check=True)
    table = [re.split("  +", line) for line in ran.stdout.splitlines()]  # long names push nothing together
    assert table == [[name, " ".join(v["breaks"]), v["summary"]] for name, v in found.items()]
    ran = subprocess.run(
        [sys.executable, "-m", "reference.variants", "no-such", "--json"], capture_output=True, check=False
    )
    assert (ran.returncode, json.loads(ran.stdout)["error"]["code"]) == (2, "unknown-variant")


@pytest.mark.parametrize("name", OURS)
def test_daily_work_is_unharmed(program: Any, provider: Any, name: str) -> None:
    program.write_config(provider.config())
    for agent in ("lane0", "lane1"):
        words = ("agents", "add", agent, "--json", "--workspace", str(program.work / agent))
        assert program.finish(program.start(*words, variant=name)).status == 0
    words = ("agent", "--local", "--json", "--agent", "lane0", "--message")
    assert b"result" in program.finish(program.start(*words, "run: echo done", variant=name)).stdout
    assert b"you said again" in program.finish(program.start(*words, "again", variant=name)).stdout
    assert program.finish(program.start("agents", "delete", "lane1", "--json", variant=name)).status == 0
    assert program.names() == ["lane0"]
    assert [r["status"] for r in program.runs("--all")] == ["succeeded", "succeeded"]


def store(name: str, home: Path) -> ConfigStore:
    parts = variants.parts(name, Parts.default()) if name else Parts.default()
    return parts.config_store(Home(str(home)).make())


def add_inside_add(changed: ConfigStore) -> list[str]:
    """One add is overtaken by another between its read and its write."""

    def inner(config: dict[str, Any]) -> None:
        config.setdefault("agents", {})["inner"] = {"workspace": "/"}

    def outer(config: dict[str, Any]) -> None:
        config.setdefault("agents", {})["outer"] = {"workspace": "/"}
        changed.change(inner, Deadline.after(0.05))

    changed.change(outer, Deadline.after(5))
    return list(changed.read()["agents"])


def test_config_unlocked_loses_an_agent(tmp_path: Path) -> None:
    assert add_inside_add(store("config-unlocked", tmp_path)) == ["outer"]
    with pytest.raises(Busy):
        add_inside_add(store("", tmp_path / "right"))


def states_while_writing(changed: ConfigStore, monkeypatch: pytest.MonkeyPatch) -> set[bool]:
    """Whether the config could be read, after each write(2) of a change."""
    changed.change(lambda config: config.update(a=1), Deadline.after(5))
    states = set()
    write_all = durable.write_all

    def watched(descriptor: int, data: bytes) -> None:
        write_all(descriptor, data)
        try:
            changed.read()
            states.add(True)
        except Local:
            states.add(False)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write_all", watched)
        changed.change(lambda config: config.update(b=2), Deadline.after(5))
    assert changed.read() == {"a": 1, "b": 2}
    return states


@pytest.mark.parametrize(
    ("name", "synced"),
    [("", ["file", "folder"]), ("config-no-fsync", ["folder"]), ("config-no-folder-fsync", ["file"])],
)
def test_configs_forget_one_sync(name: str, synced: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed, calls = store(name, tmp_path), []

    def fsync(descriptor: int) -> None:
        calls.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")

    monkeypatch.setattr(os, "fsync", fsync)
    changed.change(lambda config: config.update(a=1), Deadline.after(5))
    assert calls == synced
    assert changed.read() == {"a": 1}


def test_config_in_place_write_tears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert False in states_while_writing(store("config-in-place-write", tmp_path), monkeypatch)
    assert json.loads((tmp_path / "config.json.bak.1").read_bytes()) == {"a": 1}
    assert states_while_writing(store("", tmp_path / "right"), monkeypatch) == {True}


def test_config_resets_when_damaged(program: Any) -> None:
    program.add("lane0")
    (program.home / "config.json").write_bytes(b"{")
    words = ("agents", "add", "lane1", "--json", "--workspace", str(program.work / "w"))
    assert program.finish(program.start(*words, variant="config-resets-when-damaged")).status == 0
    assert program.names() == ["lane1"]


def test_config_drops_unknown_keys(program: Any) -> None:
    program.write_config({"plugin": {}, "agents": {"a": {"workspace": "/", "color": "red"}}})
    words = ("agents", "add", "lane1", "--json", "--workspace", str(program.work / "w"))
    assert program.finish(program.start(*words, variant="config-drops-unknown-keys")).status == 0
    config = program.config()
    assert "plugin" not in config
    assert config["agents"]["a"] == {"workspace": "/"}


def test_delete_writes_its_own_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = {name: {"workspace": "/"} for name in ("lane0", "lane1")}
    changed = store("delete-writes-its-own-way", tmp_path)
    changed.change(lambda config: config.update(agents=dict(lanes), plugin={}), Deadline.after(5))
    before, synced = (tmp_path / "config.json").stat().st_ino, []
    monkeypatch.setattr(os, "fsync", synced.append)
    changed.change(lambda config: config["agents"].pop("lane1"), Deadline.after(5))
    assert ((tmp_path / "config.json").stat().st_ino, synced) == (before, [])
    assert changed.read() == {"agents": {"lane0": {"workspace": "/"}}}


def quick(ready: Any) -> None:
    """Make contention end soon."""
    ready.write_config(ready.config() | {"limits": {"sessionWaitSeconds": 0.2}})


def plant(ready: Any, pid: int) -> None:
    record = {"pid": pid, "start_time": 1, "boot_id": "x", "run_id": "r-0", "since": time.time()}
    (ready.home / "locks" / "session-lane0.main.lock").write_text(json.dumps(record))


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    return process.pid


@pytest.mark.parametrize(
    ("name", "unrelated", "dead"),
    [("session-lock-pid-only", 75, 0), ("session-lock-stale-wait", 0, 75), ("session-lock-kept-on-error", 0, 0)],
)
def test_leftover_record_of_an_unrelated_and_of_a_dead_pid(ready: Any, name: str, unrelated: int, dead: int) -> None:
    quick(ready)
    plant(ready, os.getpid())
    assert ready.agent("lane0", "hello", variant=name).status == unrelated
    plant(ready, dead_pid())
    assert ready.agent("lane0", "hello", variant=name).status == dead


@pytest.mark.parametrize("name", ["session-lock-pid-only", "session-lock-stale-wait", "session-lock-kept-on-error"])
def test_pid_files_still_exclude_and_name_the_holder(ready: Any, provider: Any, name: str) -> None:
    quick(ready)
    stalled = ready.start("agent", "--local", "--json", "--agent", "lane0", "--message", "stall", variant=name)
    provider.wait_for(1)
    busy = ready.agent("lane0", "hello", variant=name)
    assert (busy.status, busy.json["error"]["detail"]["holder"]["pid"]) == (75, stalled.pid)
    provider.released.set()
    assert ready.finish(stalled).status == 0
    assert ready.agent("lane0", "hello", variant=name).status == 0


@pytest.mark.parametrize("message", ["status: 400", "stall"])
def test_session_lock_kept_on_error(ready: Any, message: str) -> None:
    quick(ready)
    name = "session-lock-kept-on-error"
    assert ready.agent("lane0", message, "--timeout", "2", variant=name).status in (1, 124)
    assert ready.agent("lane0", "hello", variant=name).code == "session-busy"


@pytest.mark.parametrize(("name", "status"), [("session-lock-lease", 0), ("session-lock-stale-wait", 75)])
def test_whether_a_stopped_holder_is_robbed(ready: Any, provider: Any, name: str, status: int) -> None:
    stalled = ready.start("agent", "--local", "--json", "--agent", "lane0", "--message", "stall", variant=name)
    provider.wait_for(1)
    stalled.send_signal(signal.SIGSTOP)
    assert ready.agent("lane0", "hello", variant=name).status == status
    stalled.send_signal(signal.SIGCONT)
    provider.released.set()
    assert ready.finish(stalled).status == 0


@pytest.mark.parametrize(("name", "status"), [("transcript-unfenced", 0), ("stdout-noise", 1)])
def test_what_a_superseded_holder_may_write(ready: Any, provider: Any, name: str, status: int) -> None:
    stalled = ready.start("agent", "--local", "--json", "--agent", "lane0", "--message", "stall", variant=name)
    provider.wait_for(1)
    (ready.home / "locks" / "session-lane0.main.lock").unlink()
    assert ready.agent("lane0", "hello", variant=name).status == 0
    provider.released.set()
    assert ready.finish(stalled).status == status


@pytest.mark.parametrize(("name", "status"), [("session-lock-waits-for-itself", 124), ("session-lock-lease", 0)])
def test_whether_a_turn_waits_for_the_one_that_it_is_part_of(ready: Any, name: str, status: int) -> None:
    words = (sys.executable, "-m", "reference.variants", name, "agent", "--local", "--agent", "lane0")
    inner = shlex.join([*words, "--message", "within"])
    done = ready.agent("lane0", f"run: {inner}", "--timeout", "4", variant=name)
    assert done.status == status


def test_session_lock_global(ready: Any, provider: Any) -> None:
    quick(ready)
    words = ("agent", "--local", "--json", "--agent", "lane0", "--message", "stall")
    stalled = ready.start(*words, variant="session-lock-global")
    provider.wait_for(1)
    assert ready.agent("lane1", "hello", variant="session-lock-global").code == "session-busy"
    provider.released.set()
    assert ready.finish(stalled).status == 0


def test_session_lock_untyped(ready: Any, provider: Any) -> None:
    quick(ready)
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    done = ready.agent("lane0", "hello", variant="session-lock-untyped")
    assert (done.status, done.code) == (1, "run-failed")
    assert done.json["error"]["detail"] == {}
    provider.released.set()
    assert ready.finish(stalled).status == 0


@pytest.mark.parametrize(("name", "right"), [("busy-names-the-waiting-run", False), ("session-wait-silent", True)])
def test_which_run_a_busy_session_names(ready: Any, provider: Any, name: str, right: bool) -> None:
    quick(ready)
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    [held] = ready.runs()
    done = ready.agent("lane0", "hello", variant=name)
    assert (done.json["error"]["detail"]["holder"]["run_id"] == held["id"]) == right
    assert done.json["error"]["detail"]["holder"]["pid"] == stalled.pid
    provider.released.set()
    assert ready.finish(stalled).status == 0


@pytest.mark.parametrize(("name", "right"), [("busy-age-of-the-heartbeat", False), ("session-wait-silent", True)])
def test_which_age_a_busy_session_names(ready: Any, provider: Any, name: str, right: bool) -> None:
    quick(ready)
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    done = ready.agent("lane0", "hello", variant=name)
    assert (done.json["error"]["detail"]["holder"]["age_seconds"] > 0) == right
    provider.released.set()
    assert ready.finish(stalled).status == 0


@pytest.mark.parametrize(("name", "raises"), [("transcript-failures-swallowed", False), ("stdout-noise", True)])
def test_what_becomes_of_a_record_that_cannot_be_written(
    name: str, raises: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    transcript = variants.parts(name, Parts.default()).transcript(str(tmp_path / "main.jsonl"), "r-1")
    transcript.begin(Message(role="user", text="hello"), Deadline.after(5))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") if raises else nullcontext():
        transcript.append(Message(role="assistant", text="done"), Deadline.after(5))
    assert (tmp_path / "main.jsonl").read_bytes().count(b"\n") == 1


@pytest.mark.parametrize(("name", "replaced"), [("config-first-write-in-place", 1), ("stdout-noise", 2)])
def test_how_the_first_config_is_written(
    name: str, replaced: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, replace = list[str](), durable.replace
    monkeypatch.setattr(
        durable, "replace", lambda path, *how, **more: [written.append(path), replace(path, *how, **more)]
    )
    store = variants.parts(name, Parts.default()).config_store(Home(str(tmp_path)))
    for agent in ("one", "two"):
        store.change(lambda config, agent=agent: config.update({agent: {}}), Deadline.after(5))  # type: ignore[misc]
    assert {"one", "two"} <= store.read().keys()
    assert len(written) == replaced


@pytest.mark.parametrize(("name", "gone"), [("cancel-does-not-wait", False), ("session-wait-silent", True)])
def test_whether_a_cancelled_run_is_gone(ready: Any, provider: Any, name: str, gone: bool) -> None:
    """One that is stopped does not heed SIGTERM before it is continued."""
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    [run] = ready.runs()
    stalled.send_signal(signal.SIGSTOP)
    assert ready.run("runs", "cancel", run["id"], variant=name).json["run"]["status"] == "cancelled"
    assert (stalled.poll() is not None) == gone
    stalled.send_signal(signal.SIGCONT)
    assert stalled.wait(20) == 143


@pytest.mark.parametrize(("name", "kept"), [("fence-at-the-end-only", True), ("session-wait-silent", False)])
def test_what_is_fenced(name: str, kept: bool, tmp_path: Path) -> None:
    changed = variants.parts(name, Parts.default())
    first, second = (changed.transcript(str(tmp_path / "main.jsonl"), run) for run in ("r-1", "r-2"))
    for transcript in (first, second):
        transcript.begin(Message(role="user", text="hello"), Deadline.after(5))
    result, answer = Message(role="tool", text="done", tool_call_id="c"), Message(role="assistant", text="done")
    with pytest.raises(Local):
        first.append(answer, Deadline.after(5))
    with nullcontext() if kept else pytest.raises(Local):
        first.append(result, Deadline.after(5))


@pytest.mark.parametrize(("name", "late"), [("timeout-begins-with-the-session", True), ("session-wait-silent", False)])
def test_what_the_time_out_bounds(ready: Any, provider: Any, name: str, late: bool) -> None:
    ready.write_config(ready.config() | {"limits": {"sessionWaitSeconds": 3}})
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    done = ready.agent("lane0", "hello", "--timeout", "0.5", variant=name)
    assert (done.status, done.code) == (75, "session-busy")
    assert (done.json["run"]["seconds"] >= 3) == late
    provider.released.set()
    assert ready.finish(stalled).status == 0


def test_runs_list_trusts_the_table(ready: Any, provider: Any) -> None:
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    stalled.kill()
    stalled.wait(10)
    [ghost] = ready.run("runs", "list", variant="runs-list-trusts-the-table").json["runs"]
    assert (ghost["status"], ghost["pid"]) == ("running", stalled.pid)
    assert ready.runs() == []


def test_timeout_ignores_hangs(ready: Any) -> None:
    done = ready.agent("lane0", "run: sleep 7", "--timeout", "3", variant="timeout-ignores-hangs")
    assert (done.status, done.code) == (124, "deadline")
    assert done.json["run"]["seconds"] > 7


def test_stdout_noise(program: Any) -> None:
    done = program.run("agents", "list", variant="stdout-noise")
    banner, document = done.stdout.splitlines()
    assert not banner.startswith(b"{")
    assert json.loads(document) == {"ok": True, "agents": []}


def test_hangs_on_closed_stdin(program: Any) -> None:
    read, write = os.pipe()
    os.close(write)
    try:
        for options in ({"stdin": read}, {"preexec_fn": lambda: os.close(0)}):
            process = program.start("agents", "list", variant="hangs-on-closed-stdin", **options)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(2)
            process.terminate()
            assert process.wait(10) == -signal.SIGTERM
            assert program.finish(program.start("agents", "list", **options)).status == 0
    finally:
        os.close(read)


def test_exit_zero_when_killed(ready: Any, provider: Any) -> None:
    words = ("agent", "--local", "--json", "--agent", "lane0", "--message", "stall")
    process = ready.start(*words, variant="exit-zero-when-killed")
    provider.wait_for(1)
    process.terminate()
    stdout, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(stdout)["error"]["code"] == "terminated"
    assert is_free(str(ready.home / "locks" / "session-lane0.main.lock"))
    assert ready.agent("lane0", "stall", "--timeout", "1", variant="exit-zero-when-killed").status == 124


@pytest.mark.parametrize(("name", "status"), [("background-keeps-locks", 75), ("stdout-noise", 0)])
def test_what_background_work_holds(ready: Any, name: str, status: int) -> None:
    quick(ready)
    assert ready.agent("lane0", "background: sleep 60", variant=name).status == 0
    assert ready.agent("lane0", "hello", variant=name).status == status
    [run] = ready.runs()
    [job] = run["jobs"]
    assert ready.run("runs", "cancel", job["id"]).status == 0
    assert ready.agent("lane0", "hello", variant=name).status == 0


@pytest.mark.parametrize(("name", "status"), [("stopped-tool-is-a-result", 0), ("session-wait-silent", 143)])
def test_a_signal_that_comes_in_a_tool(ready: Any, until: Any, name: str, status: int) -> None:
    words = ("agent", "--local", "--json", "--agent", "lane0", "--message", "run: touch begun; sleep 60")
    process = ready.start(*words, variant=name)
    until((ready.work / "lane0" / "begun").exists, "the tool's beginning")
    process.terminate()
    assert ready.finish(process).status == status


def test_bad_input_traceback(ready: Any) -> None:
    done = ready.agent("lane7", "hello", variant="bad-input-traceback")
    assert (done.status, done.stdout) == (1, b"")
    assert "Traceback" in done.stderr


def test_gateway_of_a_variant_has_its_workers(ready: Any, provider: Any) -> None:
    """The mistake is in the worker: only one lock for all."""
    quick(ready)
    gateway = ready.start("gateway", "run", "--json", variant="session-lock-global", stderr=subprocess.DEVNULL)
    assert json.loads(gateway.stdout.readline())["ok"]
    stalled = ready.start_agent("lane0", "stall")
    provider.wait_for(1)
    assert ready.finish(ready.start_agent("lane1", "hello")).code == "session-busy"
    provider.released.set()
    assert ready.finish(stalled).status == 0
    gateway.terminate()
    assert gateway.wait(20) == 143


@pytest.mark.parametrize(("name", "asked"), [("gateway-resumes-runs", 2), ("session-wait-silent", 1)])
def test_what_a_restarted_gateway_takes_up(ready: Any, provider: Any, name: str, asked: int) -> None:
    gateways = []
    for number in (1, asked):
        gateway = ready.start("gateway", "run", "--json", variant=name, stderr=subprocess.DEVNULL)
        assert json.loads(gateway.stdout.readline())["ok"]
        if number == 1 and not gateways:
            client = ready.start("agent", "--json", "--agent", "lane0", "--message", "stall", variant=name)
        provider.wait_for(number)
        gateways.append(gateway)
        if len(gateways) == 1:
            gateway.kill()
            gateway.wait(10)
            assert ready.finish(client).code == "gateway-lost"
    assert len(ready.runs()) == asked - 1
    provider.released.set()
    gateways[1].terminate()
    assert gateways[1].wait(20) == 143


def test_gateway_lost_runs_here(ready: Any, provider: Any) -> None:
    name = "gateway-lost-runs-here"
    gateway = ready.start("gateway", "run", "--json", variant=name, stderr=subprocess.DEVNULL)
    assert json.loads(gateway.stdout.readline())["ok"]
    words = ("agent", "--json", "--agent", "lane0", "--message", "stall")
    client = ready.start(*words, variant=name)
    provider.wait_for(1)
    gateway.kill()
    gateway.wait(10)
    provider.wait_for(2)
    provider.released.set()
    done = ready.finish(client)
    assert (done.status, done.json["via"]) == (0, "local")
