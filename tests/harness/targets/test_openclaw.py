"""The OpenClaw adapter: files in, outcomes out. Its outputs here were printed by the real program, and shortened."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.oauth import OAuthSettings
from fakes.oauth.state import OAuthState
from harness.errors import ProvisionError, UsageError
from harness.outcome import AttemptSeen, HolderSeen
from harness.targets import openclaw, registry
from harness.targets.catalog import find_recipe
from harness.targets.extras import break_lock
from harness.targets.openclaw import OpenClawTarget
from harness.targets.openclaw_output import kind_of
from harness.targets.protocol import (
    UNREACHABLE,
    AddAgent,
    Capability,
    Ended,
    ListAgents,
    ListRuns,
    Raw,
    Setup,
    Site,
    Turn,
)
from harness.targets.provision import cache_folder, installed

VERSION = "2026.3.8"
LOCKED = "session file locked (timeout 10000ms): pid=23188 /h/.openclaw/agents/lane0/sessions/x.jsonl.lock"
WARNING = (
    "(node:1) [UNDICI-EHPA] Warning: EnvHttpProxyAgent is experimental, expect them to change at any time.\n"
    "(Use `node --trace-warnings ...` to show where the warning was created)\n"
)
TURN = Turn(agent="lane0", message="[[lane0]] hi")


@pytest.fixture
def target(tmp_path: Path) -> OpenClawTarget:
    return OpenClawTarget(VERSION, ("/node", "/openclaw.mjs"), tmp_path / "warm")


def turn_document(*texts: str, stop: str | None = "stop", aborted: bool = False) -> str:
    meta = {"durationMs": 502, "agentMeta": {"provider": "anthropic"}, "aborted": aborted}
    payloads = [{"text": text, "mediaUrl": None} for text in texts]
    return json.dumps({"payloads": payloads, "meta": meta | ({"stopReason": stop} if stop else {})}, indent=2) + "\n"


# -- find ---------------------------------------------------------------------------------------------------------


def test_a_release_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILEUP_CACHE", str(tmp_path))
    with pytest.raises(ProvisionError, match=r"not installed\n  pileup provision openclaw@2026\.3\.8"):
        registry.find("openclaw@2026.3.8")


@pytest.mark.parametrize("version", ["2026.9.5", "", "latest"])
def test_a_release_without_an_adapter_is_a_usage_error(version: str) -> None:
    with pytest.raises(UsageError, match=r"targets: openclaw@2026\.3\.8"):
        openclaw.find(version)


def test_it_does_not_claim_what_this_depth_lacks(target: OpenClawTarget) -> None:
    lacking = {Capability.RUNS, Capability.CANCEL, Capability.PROFILES, Capability.BACKGROUND, Capability.GATEWAY}
    lacking |= {Capability.DELETE_AGENTS, Capability.RUN_RECORDS, Capability.WORKTREES, Capability.LARGE_STATE}
    lacking |= {Capability.SUBAGENTS, Capability.SESSION_NAMES, Capability.CHECK_UP}
    lacking |= {Capability.DETACH, Capability.GRACE, Capability.STEPS}
    assert target.capabilities == frozenset(Capability) - lacking


# -- prepare ------------------------------------------------------------------------------------------------------


def test_the_config_has_the_models_in_the_order_asked_for(target: OpenClawTarget, site: Site) -> None:
    target.prepare(site, Setup(agents=("lane0",), models=("codex", "anthropic"), unreachable=("gemini",)))
    config = json.loads(target.config_file(site).read_text())
    assert config["agents"]["defaults"]["model"] == {
        "primary": "openai-codex/gpt-5.3-codex",
        "fallbacks": ["anthropic/claude-sonnet-4-6"],
    }
    assert config["agents"]["list"] == [{"id": "lane0", "workspace": str(site.workspace("lane0"))}]
    urls = {name: provider["baseUrl"] for name, provider in config["models"]["providers"].items()}
    assert urls == {
        "anthropic": site.url,
        "google-gemini-cli": f"{UNREACHABLE}/v1beta",
        "openai-codex": f"{site.url}/backend-api",
    }


def test_extra_keys_stand_at_the_top_level(target: OpenClawTarget, site: Site) -> None:
    target.prepare(site, Setup(extra={"x-future": {"text": "ü"}}))
    assert json.loads(target.config_file(site).read_text())["x-future"] == {"text": "ü"}


@pytest.mark.parametrize(("idle", "seconds"), [(None, 60), (1.0, 15), (30.5, 31)])
def test_a_bound_on_silence_becomes_a_bound_on_a_models_try(
    target: OpenClawTarget, site: Site, idle: float | None, seconds: int
) -> None:
    target.prepare(site, Setup(idle_seconds=idle))
    assert json.loads(target.config_file(site).read_text())["agents"]["defaults"]["timeoutSeconds"] == seconds


def test_a_credential_goes_into_the_main_agents_store_alone(target: OpenClawTarget, site: Site) -> None:
    credential = OAuthState(OAuthSettings(), lambda: 1000.0).seed("codex", account="acct")
    target.prepare(site, Setup(agents=("lane0",), credential=credential))
    [store] = target.credentials_files(site)
    assert store == site.home / ".openclaw/agents/main/agent/auth-profiles.json"
    assert store.stat().st_mode & 0o777 == 0o600
    profile = target.profile(site, "main")
    assert profile is not None
    assert profile["refresh"] == credential.refresh_token
    assert profile["expires"] == credential.expires_at * 1000
    assert target.profile(site, "other") is None


def test_a_copy_in_another_agent_counts_as_a_credential_file(target: OpenClawTarget, site: Site) -> None:
    copy = site.home / ".openclaw/agents/lane0/agent/auth-profiles.json"
    copy.parent.mkdir(parents=True)
    copy.write_text("{}")
    assert list(target.credentials_files(site))[1:] == [copy]


def test_two_homes_of_one_site_share_what_is_transpiled(target: OpenClawTarget, site: Site, tmp_path: Path) -> None:
    target.prepare(site, Setup())
    target.config_file(site).unlink()
    target.prepare(site, Setup())
    assert (site.tmp / "jiti").resolve() == tmp_path / "warm" / "jiti"


def test_break_lock_deletes_what_plant_holder_left(target: OpenClawTarget, site: Site) -> None:
    assert not break_lock(target, site, "lane0")
    target.plant_holder(site, "lane0", 4242)
    assert break_lock(target, site, "lane0")
    assert not list(site.home.rglob("*.jsonl.lock"))


def test_a_planted_holder_belongs_to_the_agents_session(target: OpenClawTarget, site: Site) -> None:
    sessions = site.home / ".openclaw/agents/lane0/sessions"
    sessions.mkdir(parents=True)
    (sessions / "sessions.json").write_text(json.dumps({"agent:lane0:main": {"sessionId": "abc"}}))
    assert target.plant_holder(site, "lane0", 4242)
    record = json.loads((sessions / "abc.jsonl.lock").read_text())
    assert (record["pid"], record["starttime"]) == (4242, 1)


def test_a_holder_can_be_planted_before_the_first_run(target: OpenClawTarget, site: Site) -> None:
    assert target.plant_holder(site, "lane0", 4242)
    sessions = site.home / ".openclaw/agents/lane0/sessions"
    known = json.loads((sessions / "sessions.json").read_text())["agent:lane0:main"]["sessionId"]
    assert (sessions / f"{known}.jsonl.lock").is_file()


# -- command ------------------------------------------------------------------------------------------------------


def test_a_turn_in_words(target: OpenClawTarget, site: Site) -> None:
    command = target.command(site, Turn(agent="lane0", message="hi", session="s1", timeout=0.4))
    words = ("agent", "--local", "--agent", "lane0", "--message", "hi", "--json", "--session-id", "s1")
    assert command.argv == ("/node", "/openclaw.mjs", *words, "--timeout", "1")


def test_https_goes_through_the_fakes_and_nothing_of_ours_is_inherited(
    target: OpenClawTarget, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "real")
    env = target.command(site, ListAgents()).env
    assert env["HTTPS_PROXY"] == site.url
    assert env["NODE_EXTRA_CA_CERTS"] == str(site.ca_file)
    assert "127.0.0.1" in env["NO_PROXY"]
    assert "ANTHROPIC_API_KEY" not in env


def test_where_names_lead_to_the_fakes_there_is_no_proxy(target: OpenClawTarget, site: Site) -> None:
    assert "auth.openai.com" in target.names.hosts
    env = target.command(replace(site, named=True), ListAgents()).env
    assert not {name for name in env if "PROXY" in name}
    assert env["NODE_EXTRA_CA_CERTS"] == str(site.ca_file)


@pytest.mark.parametrize("intent", [ListRuns(), Turn(agent="a", message="hi", gateway=True)])
def test_what_it_cannot_do_is_refused(target: OpenClawTarget, site: Site, intent: ListRuns | Turn) -> None:
    with pytest.raises(ValueError, match="not among this target's capabilities"):
        target.command(site, intent)


# -- read: agents -------------------------------------------------------------------------------------------------


def test_an_add_is_acknowledged_by_its_document(target: OpenClawTarget, site: Site) -> None:
    intent = AddAgent(name="a1", workspace="/w")
    stdout = 'Normalized agent id to "x-y".\n{\n  "agentId": "x-y",\n  "name": "../x y"\n}\n'
    outcome = target.read(site, intent, Ended(code=0, stdout=stdout, stderr=""))
    assert (outcome.ok, outcome.kind, outcome.documents, outcome.stray_output) == (True, "ok", 1, True)
    silent = target.read(site, intent, Ended(code=0, stdout="", stderr=""))
    assert (silent.ok, silent.documents) == (False, 0)


def test_a_conflict_has_a_kind_and_no_code(target: OpenClawTarget, site: Site) -> None:
    ended = Ended(code=1, stdout="", stderr=f'{WARNING}Agent "same" already exists.\n')
    outcome = target.read(site, AddAgent(name="same", workspace="/w"), ended)
    assert (outcome.ok, outcome.kind, outcome.code) == (False, "usage", "")
    assert outcome.message == 'Agent "same" already exists.'


def test_the_implicit_agent_is_left_out_of_the_list(target: OpenClawTarget, site: Site) -> None:
    stdout = '[\n  {"id": "main", "isDefault": true},\n  {"id": "a1", "name": "a1", "isDefault": false}\n]\n'
    outcome = target.read(site, ListAgents(), Ended(code=0, stdout=stdout, stderr=WARNING))
    assert (outcome.ok, outcome.agents, outcome.stray_output) == (True, ("a1",), False)


def test_a_failed_list_is_no_empty_list(target: OpenClawTarget, site: Site) -> None:
    outcome = target.read(site, ListAgents(), Ended(code=1, stdout="", stderr="Config invalid\n"))
    assert (outcome.ok, outcome.agents, outcome.kind) == (False, None, "local")


def test_a_refused_config_is_quoted(target: OpenClawTarget, site: Site) -> None:
    problem = '  - <root>: Unrecognized keys: "x-future", "x-empty"\n'
    stderr = (
        f"{WARNING}Config invalid\nFile: ~/.openclaw/openclaw.json\nProblem:\n{problem}\nRun: openclaw doctor --fix\n"
    )
    outcome = target.read(site, ListAgents(), Ended(code=1, stdout="", stderr=stderr))
    assert outcome.message == 'Config invalid: - <root>: Unrecognized keys: "x-future", "x-empty"'
    assert outcome.kind == "local"


# -- read: turns --------------------------------------------------------------------------------------------------


def test_an_answer_after_log_lines(target: OpenClawTarget, site: Site) -> None:
    stdout = "[agents/auth-profiles] inherited auth-profiles from main agent\n" + turn_document("done")
    outcome = target.read(site, TURN, Ended(code=0, stdout=stdout, stderr=WARNING))
    assert (outcome.ok, outcome.text, outcome.message) == (True, "done", "")
    assert (outcome.documents, outcome.stray_output, outcome.traceback) == (1, True, False)


def test_exit_0_with_an_error_document_is_no_success(target: OpenClawTarget, site: Site) -> None:
    stdout = turn_document("LLM request rejected: fake 400", stop="error")
    outcome = target.read(site, TURN, Ended(code=0, stdout=stdout, stderr=""))
    assert (outcome.ok, outcome.kind, outcome.exit_status) == (False, "fatal", 0)
    assert outcome.message == "LLM request rejected: fake 400"


def test_a_time_out_is_no_success(target: OpenClawTarget, site: Site) -> None:
    stdout = turn_document("Request timed out before a response was generated.", stop=None, aborted=True)
    outcome = target.read(site, TURN, Ended(code=0, stdout=stdout, stderr=""))
    assert (outcome.ok, outcome.kind) == (False, "stopped")


def test_a_turn_without_a_document_is_no_success(target: OpenClawTarget, site: Site) -> None:
    outcome = target.read(site, TURN, Ended(code=0, stdout="", stderr=""))
    assert (outcome.ok, outcome.kind, outcome.documents) == (False, "unclear", 0)


def test_a_signal_leaves_no_message(target: OpenClawTarget, site: Site) -> None:
    outcome = target.read(site, TURN, Ended(code=-9, stdout="", stderr=WARNING))
    assert (outcome.exit_status, outcome.message, outcome.kind) == (None, "", "unclear")


def test_a_held_lock_names_the_attempts_and_the_holder(target: OpenClawTarget, site: Site) -> None:
    stderr = (
        f'{WARNING}[diagnostic] lane task error: lane=main durationMs=10810 error="Error: {LOCKED}"\n'
        f"Error: All models failed (3): anthropic/claude-sonnet-4-6: {LOCKED} (timeout)"
        f" | google-gemini-cli/gemini-3-pro-preview: {LOCKED} (timeout)"
        f" | openai-codex/gpt-5.3-codex: OAuth token refresh failed for openai-codex: a | b (auth)\n"
    )
    outcome = target.read(site, TURN, Ended(code=1, stdout="[agent/embedded] google tool schema\n", stderr=stderr))
    assert (outcome.kind, outcome.holder) == ("busy", HolderSeen(pid=23188, run=None, age=None))
    assert outcome.attempts == (
        AttemptSeen(provider="anthropic", model="claude-sonnet-4-6", kind="timeout"),
        AttemptSeen(provider="gemini", model="gemini-3-pro-preview", kind="timeout"),
        AttemptSeen(provider="codex", model="gpt-5.3-codex", kind="auth"),
    )


def test_the_first_attempt_decides_the_kind(target: OpenClawTarget, site: Site) -> None:
    stderr = (
        f"Error: All models failed (2): anthropic/m: HTTP 529 overloaded (x) | openai-codex/n: {LOCKED} (timeout)\n"
    )
    outcome = target.read(site, TURN, Ended(code=1, stdout="", stderr=stderr))
    assert outcome.kind == "retryable"
    assert outcome.attempts is not None
    assert outcome.attempts[0].status == 529


def test_a_single_models_failure_lists_no_attempts(target: OpenClawTarget, site: Site) -> None:
    stderr = "FailoverError: OAuth token refresh failed for openai-codex: please re-authenticate.\n"
    outcome = target.read(site, TURN, Ended(code=1, stdout="", stderr=stderr))
    assert (outcome.kind, outcome.attempts, outcome.holder) == ("auth", None, None)


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ('Unknown agent id "nobody". Use "openclaw agents list" to see configured agents.', "usage"),
        ("LLM request timed out.", "retryable"),
        ("⚠️ API rate limit reached. Please try again later.", "retryable"),
        ("something that nobody has seen yet", "unclear"),
    ],
)
def test_sentences_have_kinds(sentence: str, kind: str) -> None:
    assert kind_of(sentence) == kind


def test_raw_words_are_asked_for_json_only_when_they_ask(target: OpenClawTarget, site: Site) -> None:
    ended = Ended(code=1, stdout="", stderr="error: unknown option '--zz'\n")
    assert target.read(site, Raw(words=("agents", "--zz")), ended).documents is None
    assert target.read(site, Raw(words=("agents", "list", "--json")), ended).documents == 0


# -- the real program ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    installed(find_recipe("openclaw@2026.3.8"), cache_folder()) is None,
    reason="openclaw@2026.3.8 is not installed: pileup provision openclaw@2026.3.8",
)
def test_the_real_program_accepts_the_config(site: Site) -> None:
    target = openclaw.find(VERSION)
    target.prepare(site, Setup(agents=("lane0", "lane1")))
    command = target.command(site, ListAgents())
    env = {**command.env, "PATH": os.defpath}
    done = subprocess.run(
        command.argv, env=env, cwd=command.cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    outcome = target.read(site, ListAgents(), Ended(code=done.returncode, stdout=done.stdout, stderr=done.stderr))
    assert outcome.agents == ("lane0", "lane1"), done.stderr
