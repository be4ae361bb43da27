"""Adapters that are wrong about their program's home, its agents, and what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

from harness.outcome import Outcome
from harness.targets.protocol import (
    AddAgent,
    Capability,
    DeleteAgent,
    ListAgents,
)
from harness.targets.reference import ReferenceTarget
from tests.harness.targets.sabotages.caught import Tiny, caught_by


@caught_by("members", "patience must be a number of seconds")
class PatienceInWords(Tiny):
    patience = "20 s"


@caught_by("members", "service must be a method")
class PidOfAService(Tiny):
    service = 4711


@caught_by("members", "the adapter has no credentials_files")
class WithoutCredentialsFiles:
    def __init__(self):
        tiny = Tiny()
        for name in ("name", "version", "argv", "capabilities", "patience", "needs_tls", "prepare", "command", "read"):
            setattr(self, name, getattr(tiny, name))
        self.config_file = tiny.config_file


@caught_by("capabilities_fit_together", "TOOLS is claimed without TURN")
class ToolsWithoutTurns(Tiny):
    capabilities = frozenset({Capability.ADD_AGENTS, Capability.TOOLS})


@caught_by("capabilities_fit_together", "the adapter has no recycle")
class RunRecordsWithoutRecycle(Tiny):
    capabilities = frozenset({Capability.TURN, Capability.RUNS, Capability.RUN_RECORDS})


@caught_by("only_the_site_is_touched", "the adapter changed")
class WritesBesideTheSite(Tiny):
    def prepare(self, site, setup):
        super().prepare(site, setup)
        with tempfile.NamedTemporaryFile("w", prefix="adapter-") as file:
            file.write("state")


@caught_by("only_the_site_is_touched", "the adapter started a process")
class AsksThePrograms(Tiny):
    def command(self, site, intent):
        subprocess.run(["true"], check=True)
        return super().command(site, intent)


@caught_by("sites_are_independent", "the command for “agents add” names the folder")
class RemembersASite(Tiny):
    first = None

    def command(self, site, intent):
        self.first = self.first or site
        return super().command(self.first, intent)


@caught_by("config_file_is_in_the_site", "is not in the home")
class ConfigInTheTemporaries(Tiny):
    def config_file(self, site):
        return site.tmp / "agents.json"


@caught_by("unknown_keys_are_written", "merge setup.extra")
class DropsUnknownKeys(Tiny):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, extra={}))


@caught_by("addresses_are_the_fakes", "https://api.vendor.example/v1")
class PointsAtTheVendor(Tiny):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, extra={**setup.extra, "base": "https://api.vendor.example/v1"}))


@caught_by("commands_are_whole", "no absolute path")
class ProgramByName(Tiny):
    def command(self, site, intent):
        command = super().command(site, intent)
        return replace(command, argv=("python3", *command.argv[1:]))


@caught_by("commands_are_whole", "environment with ['TINY_HOME']")
class EnvironmentOfPaths(Tiny):
    def command(self, site, intent):
        return replace(super().command(site, intent), env={"TINY_HOME": site.home})


@caught_by("commands_are_whole", "would run in")
class RunsWhereverItIs(Tiny):
    def command(self, site, intent):
        return replace(super().command(site, intent), cwd=Path.cwd())


@caught_by("commands_inherit_nothing", "PILEUP_STRANGER")
class InheritsEverything(Tiny):
    def command(self, site, intent):
        command = super().command(site, intent)
        return replace(command, env={**os.environ, **command.env})


@caught_by("commands_are_repeatable", "another one when it is asked for again")
class NumbersItsCommands(Tiny):
    def command(self, site, intent):
        command = super().command(site, intent)
        return replace(command, env={**command.env, "REQUEST_ID": uuid.uuid4().hex})


@caught_by("state_is_in_the_site", "HOME=")
class AtHomeInYourHome(Tiny):
    def command(self, site, intent):
        command = super().command(site, intent)
        return replace(command, env={**command.env, "HOME": str(Path.home())})


@caught_by("read_never_raises", "read raised JSONDecodeError")
class TrustsTheOutput(Tiny):
    def read(self, site, intent, ended):
        said = json.loads(ended.stdout)
        return Outcome(ok=said["ok"], kind="ok", exit_status=ended.code)


@caught_by("read_never_raises", "read raised")
class TrustsTheTypes(Tiny):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        try:
            said = json.loads(ended.stdout)
        except (ValueError, RecursionError):
            return outcome
        return (
            replace(outcome, agents=tuple(said["agents"])) if isinstance(said, dict) and "agents" in said else outcome
        )


@caught_by("read_never_raises", "kind is 'refused'")
class KindOfItsOwn(Tiny):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return outcome if outcome.ok else replace(outcome, kind="refused")


@caught_by("read_never_raises", "exit_status is -")
class SignalAsAStatus(Tiny):
    def read(self, site, intent, ended):
        return replace(super().read(site, intent, ended), exit_status=ended.code)


@caught_by("noise_is_no_success", "read says ok")
class AlwaysContent(Tiny):
    def read(self, site, intent, ended):
        return replace(super().read(site, intent, ended), ok=True, kind="ok")


@caught_by("noise_is_no_success", "read lists agents=()")
class NothingIsNobody(Tiny):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, agents=outcome.agents or ())


@caught_by("stack_traces_are_seen", "traceback is False")
class OverlooksTraces(Tiny):
    def read(self, site, intent, ended):
        return replace(super().read(site, intent, ended), traceback=False)


@caught_by("added_agents_are_listed", "the list has nobody")
class ForgetsTheAgents(Tiny):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, agents=()))


@caught_by("added_agents_are_listed", "the same after an add")
class AnotherConfigFile(Tiny):
    def config_file(self, site):
        return site.home / "settings.json"

    def prepare(self, site, setup):
        super().prepare(site, setup)
        (site.home / "agents.json").write_text(self.config_file(site).read_text())


@caught_by("added_agents_are_listed", "two documents stand on stdout")
class CountsToOne(Tiny):
    def read(self, site, intent, ended):
        return replace(super().read(site, intent, ended), documents=1)


@caught_by("added_agents_are_listed", "stray_output is False")
class OverlooksStrayOutput(Tiny):
    def read(self, site, intent, ended):
        return replace(super().read(site, intent, ended), stray_output=False)


@caught_by("homes_are_apart", "the list has")
class OneStateForAll(Tiny):
    def command(self, site, intent):
        return replace(super().command(site, intent), env={"TINY_HOME": str(site.root)})

    def config_file(self, site):
        return site.root / "agents.json"


@caught_by("a_taken_name_is_refused", "was added once more")
class NeverRefused(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, ok=True, kind="ok") if isinstance(intent, AddAgent) else outcome


@caught_by("deleted_agents_are_gone", "the list has")
class DeletesNobody(ReferenceTarget):
    def command(self, site, intent):
        return super().command(site, ListAgents() if isinstance(intent, DeleteAgent) else intent)


@caught_by("an_agent_gets_a_worktree", "is no worktree")
class NoWorktree(ReferenceTarget):
    def command(self, site, intent):
        return super().command(site, replace(intent, worktree_of=None) if isinstance(intent, AddAgent) else intent)


@caught_by("members", "limited_tool_call must be a method")
class LimitedAlways(Tiny):
    limited_tool_call = True
