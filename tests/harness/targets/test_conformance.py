"""The suite that every adapter must pass: ours pass it, and each sabotage is caught by the check that names it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.outcome import Outcome
from harness.session.bench import Bench, Settings
from harness.targets import registry
from harness.targets.conformance.deeds import watched
from harness.targets.conformance.suite import check_target, checks, examine
from harness.targets.files import API_KEYS
from harness.targets.protocol import (
    AddAgent,
    Capability,
    CheckUp,
    DeleteAgent,
    ListAgents,
    ListRuns,
    RunGateway,
    Turn,
)
from harness.targets.reference import ReferenceTarget

ROOT = Path(__file__).resolve().parents[3]
TINY = f"{ROOT / 'docs' / 'example' / 'tiny_target.py'}:repaired"
Tiny = type(registry.find(TINY))
CHECKS = checks()


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


# -- sabotages: an adapter that is wrong in one way, and the check that must say so ------------------------------------

SABOTAGES = []


def caught_by(check, phrase):
    """The adapter must fail this check, with this phrase in its reason."""

    def note(adapter):
        SABOTAGES.append(pytest.param(adapter, check, phrase, id=f"{check}-{adapter.__name__}"))
        return adapter

    return note


def edited(path, edit):
    """Change a JSON document in place."""
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


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


class Turns(ReferenceTarget):
    """Asks for something else than the turn that was meant."""

    def other(self, turn):
        return turn

    def command(self, site, intent):
        return super().command(site, self.other(intent) if isinstance(intent, Turn) else intent)


@caught_by("a_turn_is_answered", "other words than the message")
class CutsTheMessage(Turns):
    def other(self, turn):
        return replace(turn, message=turn.message.split("$")[0])


@caught_by("a_turn_is_answered", "is not in text=''")
class SwallowsTheAnswer(ReferenceTarget):
    def read(self, site, intent, ended):
        return replace(super().read(site, intent, ended), text="")


@caught_by("a_turn_is_answered", "names another one first")
class ModelsByName(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, models=tuple(sorted(setup.models))))


@caught_by("a_turn_is_answered", "no provider got the turn's message")
class AnotherPort(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(replace(site, url="http://127.0.0.1:1"), setup)


@caught_by("a_refused_turn_is_not_ok", "read says ok")
class EveryTurnIsOk(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, ok=True, kind="ok") if isinstance(intent, Turn) else outcome


@caught_by("an_unreachable_provider_is_not_asked", "got a request")
class EverybodyIsReachable(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, unreachable=()))


@caught_by("the_next_model_is_asked", "asked were gemini")
class FirstModelOnly(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, models=setup.models[:1]))


@caught_by("a_timeout_ends_a_turn", "did not end within 8 s")
class DropsTheTimeout(Turns):
    patience = 8.0

    def other(self, turn):
        return replace(turn, timeout=None)


@caught_by("a_session_goes_on", "was not told of the first")
@caught_by("a_session_is_named", "was told of it: False")
class NewSessionEachTime(Turns):
    def other(self, turn):
        return replace(turn, session=turn.message.strip("[]").partition("]")[0])


@caught_by("a_session_is_named", "in another session: True")
class OneSessionForAll(Turns):
    def other(self, turn):
        return replace(turn, session=None)


@caught_by("a_check_up_tells_sound_from_damaged", "is cut short, and read says ok")
class EverythingIsSound(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, ok=True, kind="ok") if isinstance(intent, CheckUp) else outcome


@caught_by("a_check_up_tells_sound_from_damaged", "nothing is wrong, and read says")
class NothingIsSound(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, ok=False, kind="local") if isinstance(intent, CheckUp) else outcome


@caught_by("a_transcript_is_found", "an agent without a turn has the transcripts")
class EverybodysTranscripts(ReferenceTarget):
    def transcripts(self, site, agent):
        return sorted((site.home / ".reference" / "sessions").glob("*/*.jsonl"))


@caught_by("a_transcript_is_found", "before the first turn")
class TranscriptsThatAreNotThere(ReferenceTarget):
    def transcripts(self, site, agent):
        return [site.home / ".reference" / "sessions" / agent / "main.jsonl"]


@caught_by("a_tool_call_runs_a_command", "was run 0 times")
class AnotherTool(ReferenceTarget):
    def tool_call(self, command, *, background=False):
        return replace(super().tool_call(command, background=background), name="shell")


@caught_by("a_limit_ends_a_command", "was not told that 1 s were over")
class LimitOfAnotherUnit(ReferenceTarget):
    patience = 4.0

    def limited_tool_call(self, command, seconds):
        return super().limited_tool_call(command, 1000 * seconds)


@caught_by("a_limit_ends_a_command", "had less than 1 s")
class CommandCutShort(ReferenceTarget):
    def limited_tool_call(self, command, seconds):
        return super().limited_tool_call(f"{command.partition(';')[0]}; sleep 0.1", seconds)


@caught_by("a_limit_ends_a_command", "was not begun")
class LimitOfNoTool(ReferenceTarget):
    def limited_tool_call(self, command, seconds):
        return replace(super().limited_tool_call(command, seconds), name="shell")


@caught_by("members", "limited_tool_call must be a method")
class LimitedAlways(Tiny):
    limited_tool_call = True


@caught_by("a_tool_call_runs_a_command", "not in the agent's workspace")
class ToolsElsewhere(ReferenceTarget):
    def tool_call(self, command, *, background=False):
        return super().tool_call(f"cd / && {command}", background=background)


@caught_by("background_work_has_a_handle", "no run that is listed has a job")
class JobsUnread(ReferenceTarget):
    def read(self, site, intent, ended):
        outcome = super().read(site, intent, ended)
        return replace(outcome, runs=tuple(replace(run, jobs=()) for run in outcome.runs or ()) or outcome.runs)


@caught_by("a_turn_can_run_inside_a_tool", "asked no model")
class QuotesAreLost(ReferenceTarget):
    def tool_call(self, command, *, background=False):
        return super().tool_call(command.replace("'", ""), background=background)


@caught_by("a_key_is_shown", "no provider was shown an API key of 20")
class KeyLikeAWord(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, setup)
        edited(
            self.config_file(site), lambda config: [each.update(apiKey="fake") for each in config["providers"].values()]
        )


@caught_by("a_key_is_shown", "stands in the environment")
class KeyInTheEnvironment(ReferenceTarget):
    def command(self, site, intent):
        made = super().command(site, intent)
        return replace(made, env={**made.env, **{f"{name.upper()}_API_KEY": key for name, key in API_KEYS.items()}})


@caught_by("secrets_are_in_their_files", "is not among credentials_files")
class CopiesTokens(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        super().store_credential(site, credential, which)
        (site.home / "last-token").write_text(credential.refresh_token)


@caught_by("secrets_are_in_their_files", "has the mode 0644")
class TokensForEverybody(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        super().store_credential(site, credential, which)
        for path in self.credentials_files(site):
            path.chmod(0o644)


@caught_by("a_profile_is_read_as_it_is", "profile raised")
class TrustsTheStore(ReferenceTarget):
    def profile(self, site, which):
        path = self.credentials_files(site)[0]
        name = {"main": "codex:default", "other": "other:default"}[which]
        return json.loads(path.read_text())["profiles"].get(name) if path.exists() else None


@caught_by("a_profile_is_read_as_it_is", "without a credential profile('main') is {}")
class EmptyProfiles(ReferenceTarget):
    def profile(self, site, which):
        return super().profile(site, which) or {}


@caught_by("a_profile_is_read_as_it_is", "shows the refresh token of ('', None)")
class HidesTheToken(ReferenceTarget):
    def profile(self, site, which):
        found = super().profile(site, which)
        return found and {key: value for key, value in found.items() if key != "refresh"}


@caught_by("a_newer_credential_is_stored", "should show ('main', 1)")
class KeepsTheOldOne(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        if self.profile(site, which) is None:
            super().store_credential(site, credential, which)


@caught_by("a_newer_credential_is_stored", "changed the profile other")
class OneProfileAtATime(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        if self.profile(site, which) is not None:
            self.credentials_files(site)[0].unlink()
        super().store_credential(site, credential, which)


@caught_by("two_profiles_are_kept", "the profiles hold")
class OneProfile(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, other_credential=None))


@caught_by("an_expired_credential_is_renewed", "the token endpoint was not asked")
class NoTokenEndpoint(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, setup)
        edited(self.config_file(site), lambda it: it["providers"]["codex"].update(tokenUrl=f"{site.url}/nowhere"))


@caught_by("an_expired_credential_is_renewed", "the token endpoint refused")
class AnotherClient(ReferenceTarget):
    oauth_client = "somebody-else"


@caught_by("an_expired_credential_is_renewed", "stands in none of")
class AnotherStore(ReferenceTarget):
    def credentials_files(self, site):
        return [site.home / ".reference" / "tokens.json"]


@caught_by("a_living_credential_is_used", "good for an hour was renewed")
class SecondsForMilliseconds(ReferenceTarget):
    def store_credential(self, site, credential, which="main"):
        super().store_credential(site, replace(credential, expires_at=credential.expires_at / 1000), which)


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


@caught_by("the_sibling_is_asked", "Setup names two models of gemini, then anthropic; asked were")
class OneModelOfEach(ReferenceTarget):
    def prepare(self, site, setup):
        super().prepare(site, replace(setup, siblings=()))


@caught_by("a_planted_holder_is_where_the_program_looks", "the planted pid is in elsewhere.pid")
class PlantsElsewhere(ReferenceTarget):
    def plant_holder(self, site, agent, pid):
        (site.home / "elsewhere.pid").write_text(str(pid))
        return True


@caught_by("a_lock_file_can_be_deleted", "took away no file")
class BreaksNothing(ReferenceTarget):
    def break_lock(self, site, agent):
        return bool(list((site.home / ".reference" / "locks").glob("session-*")))


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
