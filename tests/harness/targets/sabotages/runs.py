"""Adapters that are wrong about what is at work: runs, background work, the gateway, locks."""

from __future__ import annotations

import shutil
from dataclasses import replace

from harness.targets.protocol import (
    ListRuns,
    RunGateway,
)
from harness.targets.reference import ReferenceTarget
from tests.harness.targets.sabotages.caught import Turns, caught_by


@caught_by("background_work_has_a_handle", "no run that is listed has a job")
class JobsUnread(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, runs=tuple(replace(run, jobs=()) for run in outcome.runs or ()) or outcome.runs)


@caught_by("a_turn_can_run_inside_a_tool", "asked no model")
class QuotesAreLost(ReferenceTarget):
    def tool_call(self, command, *, background=False):
        return super().tool_call(command.replace("'", ""), background=background)


@caught_by("a_running_turn_is_listed", "one turn of lane0 is running, and the list has")
class NamelessRuns(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, runs=tuple(replace(run, agent="") for run in outcome.runs or ()) or outcome.runs)


@caught_by("a_running_turn_is_listed", "the turn has ended, and the list has")
class EveryRunIsAlive(ReferenceTarget):
    def command(self, site, intent):
        return super().command(site, ListRuns(everything=True) if isinstance(intent, ListRuns) else intent)


@caught_by("a_run_is_cancelled_by_its_id", "was cancelled: ok=False")
class ShortIds(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, runs=tuple(replace(run, id=run.id[:4]) for run in outcome.runs or ()) or outcome.runs)


@caught_by("a_record_can_name_another_process", "gave [True, True, True]")
class AlwaysRecycled(ReferenceTarget):
    def recycle(self, site, old, new):
        super().recycle(site, old, new)
        return True


@caught_by("another_agent_is_asked", "the other was not asked")
class DelegatesToNobody(ReferenceTarget):
    def delegation(self, agent, message):
        return self.tool_call("true")


@caught_by("a_state_can_be_multiplied", "the list of agents is ['agent0']")
class GrowsNothing(ReferenceTarget):
    def grow(self, site, *, agents, sessions):
        return None


@caught_by("a_state_can_be_multiplied", "no turn of a new agent")
class GrowsWithoutWorkspaces(ReferenceTarget):
    def grow(self, site, *, agents, sessions):
        super().grow(site, agents=agents, sessions=sessions)
        shutil.rmtree(site.workspaces)


@caught_by("a_gateway_runs_a_turn", "not by the gateway")
class AroundTheGateway(Turns):
    def other(self, turn):
        return replace(turn, gateway=False)


@caught_by("a_turn_has_its_steps", "with max_steps=2 the model was asked 3 times")
class DropsTheSteps(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, max_steps=None))


@caught_by("child_work_has_its_grace", "that were granted has done this: ['begun']")
class DropsTheGrace(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, grace_seconds=None))


@caught_by("a_detached_turn_is_not_waited_for", "waits for its end")
class NeverDetached(Turns):
    def other(self, turn):
        return replace(turn, detached=False)


@caught_by("a_gateway_runs_a_turn", "the gateway said nothing")
class GatewayThatEnds(ReferenceTarget):
    def command(self, site, intent):
        command = super().command(site, intent)
        return replace(command, argv=("/bin/true",)) if isinstance(intent, RunGateway) else command


@caught_by("a_planted_holder_is_where_the_program_looks", "the planted pid is in elsewhere.pid")
class PlantsElsewhere(ReferenceTarget):
    def plant_holder(self, site, agent, pid):
        (site.home / "elsewhere.pid").write_text(str(pid))
        return True


@caught_by("a_lock_file_can_be_deleted", "took away no file")
class BreaksNothing(ReferenceTarget):
    def break_lock(self, site, agent):
        return bool(list((site.home / ".reference" / "locks").glob("session-*")))
