"""The power switch: each state stands where the folder stood, is told in the history, and is gone afterwards."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from harness.events import Event, FaultFired, FilesRecorded, PowerLost
from harness.lab.powercut import FAULT, RecordedFolder
from harness.scenario import WATCH_WRITES
from harness.targets.protocol import AddAgent, Command
from harness.verdict import Verdict
from scenarios.test_power_loss import test_power_lost_at_every_write as at_every_write
from tests.harness.toy import Toy

LIST = "import json; print(*json.load(open('config.json')))"
PROGRAM = "import os; open('tmp', 'w').write('top secret'); os.rename('tmp', 'config')"


class Bench:
    """What a recording asks of its lab."""

    def __init__(self, rig, *, faulty):
        self.directors, self.faulty, self.actors, self.history = rig.directors, faulty, {}, []

    def record(self, what):
        self.history.append(what)

    def fired(self, fault, detail=""):
        self.record(FaultFired(fault=fault, detail=detail))

    def of(self, kind):
        return [what for what in self.history if isinstance(what, kind)]


def recording(conduct, body, *, faulty=True):
    """Record the program in a folder that holds a config, then let `body(lab, recording)` go through the cuts."""

    async def whole(rig):
        home = rig.folder / "home"
        home.mkdir()
        (home / "config").write_bytes(b"old")
        lab = Bench(rig, faulty=faulty)
        recorded = RecordedFolder(lab, home)
        recorded.begin()
        running = await rig.python("add", PROGRAM, families=WATCH_WRITES, cwd=str(home))
        assert (await running.ended(), running.said("stderr")) == (0, "")
        recorded.end()
        body(lab, recorded)
        assert sorted(path.name for path in rig.folder.iterdir()) == ["home"]
        assert {path.name: path.read_bytes() for path in home.iterdir()} == {"config": b"top secret"}
        return lab

    return conduct(whole)


def test_each_state_stands_where_the_folder_stood(conduct):
    found = []

    def body(lab, recorded):
        for trial in recorded.cuts():
            found.append((trial, {path.name: path.read_bytes() for path in recorded.folder.iterdir()}))
            (recorded.folder / "left-behind").touch()

    lab = recording(conduct, body)
    assert found[0] == ("cut0", {"config": b"top secret"})
    contents = [files for _, files in found]
    for expected in ({"config": b""}, {"config": b"old"}, {"config": b"old", "tmp": b"top secret"}):
        assert expected in contents
    assert len(lab.of(PowerLost)) == len(found)
    assert [what.operations for what in lab.of(FilesRecorded)] == [("openat tmp", "write tmp", "rename config")]
    assert lab.of(FaultFired) == [FaultFired(fault=FAULT, detail=f"{len(found)} states after 3 calls")]


def test_at_the_end_everything_is_lost_first(conduct):
    found = []

    def body(lab, recorded):
        for _ in recorded.cuts(at_the_end=3):
            found.append({path.name: path.read_bytes() for path in recorded.folder.iterdir()})
            if len(found) == 2:
                break  # the folder comes back all the same, and the fault has fired

    lab = recording(conduct, body)
    assert found[0] == {"config": b"old"}
    cuts = lab.of(PowerLost)
    assert [cut.moment for cut in cuts] == [3, 3]
    assert lab.of(FaultFired) == [FaultFired(fault=FAULT, detail="after 3 calls")]


def test_the_control_arm_loses_nothing(conduct):
    lab = recording(conduct, lambda lab, recorded: list(recorded.cuts()), faulty=False)
    assert [(what.trial, what.moment, what.lost) for what in lab.of(PowerLost)] == [("cut0", 3, ())]


def test_what_was_lost_is_told_and_what_was_written_is_not(conduct):
    lab = recording(conduct, lambda lab, recorded: list(recorded.cuts()))
    documents = json.dumps([Event(seq=0, at=0.0, what=what).as_json() for what in lab.history])
    assert "secret" not in documents
    empty = next(what for what in lab.of(PowerLost) if what.lost and what.moment == 3)
    assert [(lost.path, lost.call, lost.what, lost.left, lost.moved) for lost in empty.lost] == [
        ("config", "write", "bytes", "nothing", True)
    ]


def test_what_is_left_behind_is_told(conduct):
    """Neither the config, which was there before, nor what is there at the end."""
    lab = recording(conduct, lambda lab, recorded: list(recorded.cuts()))
    assert {what.behind for what in lab.of(PowerLost)} == {(), ("tmp",)}


def test_a_scenario_that_stops_halfway_leaves_the_folder_as_it_was(conduct):
    def body(lab, recorded):
        cuts = recorded.cuts()
        next(cuts)
        cuts.close()

    lab = recording(conduct, body)
    assert lab.of(FaultFired) == []


def test_nothing_can_be_cut_before_the_recording_has_ended(conduct):
    async def body(rig):
        with pytest.raises(AssertionError, match="has not ended"):
            next(RecordedFolder(Bench(rig, faulty=True), rig.folder).cuts())

    conduct(body)


class Elsewhere(Toy):
    """Adds agents by a file that is written in another folder, synced halfway, and renamed."""

    ADD = (
        "import json, os, sys; new, name = sys.argv[1:]; old = open('config.json').read(); file = open(new, 'w'); "
        "text = json.dumps({**json.loads(old), name: {}}); file.write(text[:9]); file.flush(); "
        "os.fsync(file.fileno()); "
        "file.write(text[9:]); file.close(); os.rename(new, 'config.json')"
    )

    def command(self, site, intent):
        words = (self.ADD, str(site.tmp / "new"), intent.name) if isinstance(intent, AddAgent) else (LIST,)
        return Command(argv=(*self.argv, *words), env={"PATH": os.defpath}, cwd=site.home)

    def read(self, site, intent, ended):
        return replace(super().read(site, intent, ended), agents=tuple(ended.stdout.split()))


def test_of_what_came_from_elsewhere_no_cut_is_tried(trial):
    """What a power cut leaves of a file of which a part was synced, nobody recorded: that shows nothing."""
    found = trial(at_every_write, Elsewhere())
    assert found.judgement.verdict is Verdict.INCONCLUSIVE, found.judgement
    assert [bool(what.unknown) for _, what in found.history.of(FilesRecorded)] == [True]


def test_of_what_was_written_beside_the_config_cuts_are_tried(trial):
    class Beside(Elsewhere):
        ADD = Elsewhere.ADD.replace("new, name = sys.argv[1:]", "new, name = '.new', sys.argv[2]").replace(
            "os.fsync(file.fileno()); ", ""
        )

    found = trial(at_every_write, Beside())
    assert found.judgement.verdict is Verdict.VIOLATED, found.judgement  # it syncs nothing


def test_of_what_was_written_elsewhere_as_a_whole_cuts_are_tried(trial):
    class Beside(Elsewhere):
        ADD = Elsewhere.ADD.replace("os.fsync(file.fileno()); ", "")

    found = trial(at_every_write, Beside())
    assert found.judgement.verdict is Verdict.VIOLATED, found.judgement  # it syncs nothing
