"""The suite that every adapter must pass: ours pass it, and each sabotage is caught by the check that names it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.session.bench import Bench, Settings
from harness.targets import registry
from harness.targets.conformance.deeds import watched
from harness.targets.conformance.suite import check_target, checks, examine
from harness.targets.protocol import (
    Capability,
)
from harness.targets.reference import ReferenceTarget
from tests.harness.targets.sabotages import adapters, credentials, runs, turns
from tests.harness.targets.sabotages.caught import SABOTAGES, TINY, Tiny

CHECKS = checks()


MODULES = (adapters, credentials, runs, turns)  # importing them fills the list


@pytest.fixture(scope="module")
def reference():
    settings = Settings(target_name="reference", seed=1, schedules=1, replay=None, conductor=True)
    with Bench(ReferenceTarget(), settings) as bench:
        yield bench


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_reference_passes(reference, check):
    """None is skipped either: the reference claims every capability, but for worktrees where there is no git."""
    examined = examine(check, reference)
    assert examined.reasons == () or "WORKTREES" not in {each.name for each in reference.target.capabilities}
    assert examined.state in ("passed", "skipped")
    assert examined.state == "passed" or check.needs - reference.target.capabilities == {Capability.WORKTREES}


@pytest.mark.parametrize("attribute", ["as_shipped", "repaired"])
def test_the_adapter_of_the_tutorial_passes(attribute):
    results = check_target(registry.find(TINY.replace("repaired", attribute)))
    assert [(each.check.name, each.reasons) for each in results if each.state == "failed"] == []
    for each in results:
        claimed = each.check.needs <= {Capability.ADD_AGENTS}
        assert (each.state == "passed") is claimed
        assert claimed or "does not claim “" in each.reasons[0]


@pytest.mark.parametrize(("adapter", "check", "phrase"), SABOTAGES)
def test_a_sabotage_is_caught(adapter, check, phrase):
    """By the check that is there for it, in words that name it, and with how to mend it."""
    (examined,) = check_target(adapter(), only=[check])
    assert examined.state == "failed"
    reasons = "\n".join(examined.reasons)
    assert phrase in reasons
    assert "mend: " in reasons or "did not end within" in reasons


def test_every_check_has_a_sabotage():
    """A check that nothing fails shows nothing."""
    assert {parameters.values[1] for parameters in SABOTAGES} == {check.name for check in CHECKS}


def test_every_check_says_what_it_is_about():
    assert len({check.name for check in CHECKS}) == len(CHECKS) > 30
    assert all(check.title for check in CHECKS)


def test_an_unknown_check_is_refused():
    with pytest.raises(UsageError, match="there is no check 'no-such-check'"):
        check_target(ReferenceTarget(), only=["no-such-check"])


def test_an_adapter_that_raises_is_told_where():
    class Raises(Tiny):
        def prepare(self, site, setup):
            raise OverflowError("no room")

    (examined,) = check_target(Raises(), only=["homes_are_apart"])
    assert examined.state == "failed"
    assert "OverflowError: no room" in examined.reasons[0]
    assert f"prepare() at {__file__}:" in examined.reasons[0]


class KeepsACopy(ReferenceTarget):
    """A second file of the store, as programs leave one, which nobody reads: damage to that one changes nothing."""

    def credentials_files(self, site):
        [store] = super().credentials_files(site)
        return [store, store.with_name("credentials.bak")]

    def prepare(self, site, setup):
        super().prepare(site, setup)
        if (store := self.credentials_files(site)[0]).exists():
            shutil.copy(store, store.with_name("credentials.bak"))


class KeepsLines(KeepsACopy):
    """A store of lines, of which the half has the beginning of the profile."""

    def profile(self, site, which):
        found, store = super().profile(site, which), self.credentials_files(site)[0]
        half = found is None and store.exists() and '"provider": "codex"' in store.read_text(errors="replace")
        return {"provider": "codex"} if half else found


class PlantsInALog(ReferenceTarget):
    """The record stands in the write-ahead log, as it does of a SQLite database that is in use."""

    def plant_holder(self, site, agent, pid):
        folder = site.home / ".reference" / "locks"
        (folder / f"session-{agent}.main.lock-wal").write_text(str(pid))
        return True


class KeepsADatabase(Tiny):
    """Agents stand in a database, so that no scenario can read them; prepare writes it all the same."""

    capabilities = frozenset()

    def prepare(self, site, setup):
        with closing(sqlite3.connect(self.config_file(site))) as database:
            database.execute("CREATE TABLE agents (name)")


@pytest.mark.parametrize(
    ("adapter", "check"),
    [
        (KeepsACopy, "a_profile_is_read_as_it_is"),
        (KeepsLines, "a_profile_is_read_as_it_is"),
        (PlantsInALog, "a_planted_holder_is_where_the_program_looks"),
        (KeepsADatabase, "config_file_is_in_the_site"),
    ],
)
def test_a_sound_adapter_of_another_kind_passes(adapter, check):
    (examined,) = check_target(adapter(), only=[check])
    assert (examined.state, examined.reasons) == ("passed", ())


def test_reading_a_database_changes_nothing(tmp_path):
    database = tmp_path / "state of a team.db"
    sqlite3.connect(database).close()
    for mode, changed in (("mode=ro", []), ("immutable=1", []), ("mode=rw", [database]), ("cache=private", [database])):
        with watched() as deeds, closing(sqlite3.connect(f"{database.as_uri()}?{mode}", uri=True)):
            pass
        assert deeds.outside() == changed, mode


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a folder in memory that can be written")
def test_a_file_in_memory_is_no_device():
    with watched() as deeds, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        os.close(os.open(os.devnull, os.O_WRONLY))
    assert deeds.outside() == [Path(folder)]


def test_deeds_are_those_that_change_something(tmp_path):
    """Reading, and writing outside the block, are none; a relative path counts from the working directory."""
    (tmp_path / "old").write_text("")
    with watched() as deeds:
        (tmp_path / "old").read_text()
        (tmp_path / "new").write_text("")
        (tmp_path / "new").rename(tmp_path / "newer")
        os.close(os.open(os.devnull, os.O_WRONLY))
    (tmp_path / "later").write_text("")
    assert deeds.outside() == [tmp_path / "new", tmp_path / "newer"]
    assert deeds.outside(tmp_path) == []
    assert (deeds.started, deeds.connected) == ([], [])
