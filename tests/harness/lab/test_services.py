"""A program that leaves a daemon behind for its later commands: what it may, and what it may not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fakes.script import ToolCall
from harness.events import LockSeen, PortSeen, ServiceSeen
from harness.outcome import Outcome
from harness.plan import Arm
from harness.scenario import scenario
from harness.targets.extras import service
from harness.targets.output import documents
from harness.targets.protocol import Capability, Command, Setup
from harness.verdict import Verdict
from scenarios.test_children import test_detached_by_a_finished_command as finished
from scenarios.test_children import test_killed_in_mid_build as killed
from scenarios.test_children import test_terminated_in_mid_build as terminated
from tests.harness import served
from tests.harness.toy import Toy


class Served(Toy):
    """The adapter of `served.py`, with the flaws that it is to have."""

    name = "served"
    capabilities = frozenset({Capability.TURN, Capability.TOOLS})

    def __init__(self, *flaws: str) -> None:
        self.flaws = flaws

    def command(self, site, intent):
        words = ("-S", "-E", served.__file__, "turn", intent.message, site.url, *self.flaws)
        return Command(argv=(sys.executable, *words), env={"PATH": os.defpath}, cwd=site.home)

    def read(self, site, intent, ended):
        ok = documents(ended.stdout).last_object.get("ok") is True
        return Outcome(ok=ok, kind="ok" if ok else "unclear", exit_status=ended.code if ended.code >= 0 else None)

    def tool_call(self, command, *, background=False):
        return ToolCall("exec", {"command": command})


class Named(Served):
    """The same adapter, which says which process is the daemon."""

    def service(self, site):
        file = Path(site.home) / served.PID
        return int(file.read_text()) if file.exists() else None


@pytest.mark.parametrize("what", [terminated, killed, finished], ids=["terminated", "killed", "finished"])
@pytest.mark.parametrize("arm", list(Arm))
def test_a_service_is_no_leftover_of_the_command_that_started_it(trial, what, arm):
    found = trial(what, Named(), arm)
    assert (found.judgement.verdict, found.judgement.findings) == (Verdict.CONFORMS, ()), found.judgement.notes
    assert [seen.ended for _, seen in found.history.of(ServiceSeen)] == [True]


def test_without_a_word_of_the_adapter_it_is_one(trial):
    found = trial(finished, Served())
    assert found.judgement.verdict is Verdict.VIOLATED
    assert "served.py serve" in found.judgement.findings[0].message


FLAWS = [
    (terminated, "leaves-tools", "fakes/builds/__main__.py"),
    (killed, "leaves-tools", "fakes/builds/__main__.py"),
    (finished, "leaves-tools", "fakes/builds/__main__.py"),
    (finished, "helper", "sleep 600"),
    (finished, "stays", "does not end by SIGTERM"),
    (terminated, "names-the-tool", "served.py serve"),
]


@pytest.mark.parametrize(("what", "flaw", "blamed"), FLAWS, ids=[f"{what.__name__}-{flaw}" for what, flaw, _ in FLAWS])
def test_only_the_service_itself_is_excused(trial, what, flaw, blamed):
    found = trial(what, Named(flaw))
    assert found.judgement.verdict is Verdict.VIOLATED, found.judgement.notes
    assert any(blamed.rpartition("/")[2] in finding.message for finding in found.judgement.findings)


@pytest.mark.parametrize("target", [Named(), Served()], ids=["named", "unnamed"])
def test_what_a_service_holds_is_its_own(trial, target):
    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup())
        await (await lab.turn("lane0")).finished()
        lab.look.locks()
        lab.look.ports()

    found = trial(scenario("CHD-6", fault="", judges=[lambda _: []])(test_toy), target)
    holds = not hasattr(target, "service")
    assert [Path(seen.path).name for _, seen in found.history.of(LockSeen)] == ["held" if holds else ""]
    assert [bool(seen.port) for _, seen in found.history.of(PortSeen)] == [holds]


def test_a_command_is_no_service(trial):
    """A program cannot excuse what is judged: the command that was started, by naming itself."""

    class Itself(Named):
        def service(self, site):
            return self.pid

    target, seen = Itself(), []

    async def test_toy(lab) -> None:
        """A toy."""
        lab.prepare(Setup(agents=("lane0",)))
        lab.script()
        run = await lab.turn("lane0")
        target.pid = run.pid
        seen.append(lab.services.alive())
        await run.finished()
        target.pid = None

    trial(scenario("CHD-1", fault="", judges=[lambda _: []])(test_toy), target)
    assert seen == [()]


def test_a_pid_that_is_none_is_the_adapters_fault(trial):
    class InWords(Named):
        def service(self, site):
            return "4711"

    found = trial(finished, InWords())
    assert found.judgement.verdict is Verdict.UNKNOWN
    assert "the adapter's service gave '4711'" in "".join(found.judgement.notes)


def test_most_adapters_name_none(tmp_path):
    assert service(Toy(), None) is None
