"""The Codex adapter: files in, outcomes out. Its outputs here were printed by the real program, and shortened."""

from __future__ import annotations

import json
import stat
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.oauth import OAuthSettings
from fakes.oauth.state import OAuthState
from harness.errors import ProvisionError
from harness.targets import registry
from harness.targets.codex import CodexTarget
from harness.targets.protocol import UNREACHABLE, AddAgent, CancelRun, Ended, Intent, ListAgents, Raw, Setup, Site, Turn

TURN = Turn(agent="lane0", message="[[lane0]] hi")
STARTED = '{"type":"thread.started","thread_id":"01a2"}\n{"type":"turn.started"}\n'
SAID = '{"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"done"}}\n'
COMPLETED = '{"type":"turn.completed","usage":{"input_tokens":1}}\n'


@pytest.fixture
def target() -> CodexTarget:
    return CodexTarget("0.169.0", ("/codex",))


def failed(message: str) -> str:
    return STARTED + json.dumps({"type": "turn.failed", "error": {"message": message}}) + "\n"


def test_config_points_at_the_fakes_and_holds_what_was_set_up(site: Site, target: CodexTarget) -> None:
    extra = {"x-future": {"deep": None, "list": [1, None, {"a": None}]}, "x-number": 1.5}
    target.prepare(site, Setup(agents=("lane0",), extra=extra))
    config = tomllib.loads(target.config_file(site).read_text())
    assert config["model_providers"]["fakes"]["base_url"] == "http://127.0.0.1:4711/v1"
    assert config["mcp_servers"]["lane0"]["args"] == [str(site.workspace("lane0"))]
    assert config["mcp_servers"]["lane0"]["enabled"] is False
    assert config["x-future"] == {"list": [1, {}]}
    assert config["x-number"] == 1.5
    target.prepare(site, Setup(unreachable=("codex",)))
    config = tomllib.loads(target.config_file(site).read_text())
    assert config["model_providers"]["fakes"]["base_url"].startswith(UNREACHABLE)


def test_credential_is_stored_for_the_owner_alone_and_read_back(site: Site, target: CodexTarget) -> None:
    assert target.profile(site, "main") is None
    credential = OAuthState(OAuthSettings(), lambda: 1e9).seed("codex", account="acct-1")
    target.prepare(site, Setup(credential=credential))
    [store] = target.credentials_files(site)
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    profile = target.profile(site, "main")
    assert profile is not None
    assert (profile["refresh_token"], profile["account_id"]) == (credential.refresh_token, "acct-1")
    target.store_credential(site, replace(credential, refresh_token="newer"))
    assert (target.profile(site, "main") or {})["refresh_token"] == "newer"
    store.write_text("[")
    assert target.profile(site, "main") is None
    assert target.profile(site, "other") is None


def test_commands(site: Site, target: CodexTarget) -> None:
    turn = target.command(site, TURN)
    assert turn.argv[:5] == ("/codex", "exec", "--json", "--skip-git-repo-check", "-C")
    assert turn.argv[5:] == (str(site.workspace("lane0")), "[[lane0]] hi")
    assert turn.env["CODEX_REFRESH_TOKEN_URL_OVERRIDE"] == "http://127.0.0.1:4711/oauth/token"
    assert turn.env["CODEX_HOME"] == str(site.home / ".codex")
    assert target.command(site, AddAgent(name="x", workspace="/w")).argv[1:] == ("mcp", "add", "x", "--", "true", "/w")
    assert target.command(site, ListAgents()).argv[1:] == ("mcp", "list", "--json")
    assert target.command(site, Raw(words=("--help",))).argv[1:] == ("--help",)


@pytest.mark.parametrize("intent", [CancelRun(id="x"), replace(TURN, timeout=3.0), replace(TURN, session="s")])
def test_what_it_cannot_express_is_refused(site: Site, target: CodexTarget, intent: Intent) -> None:
    with pytest.raises(ValueError, match="not among this target's capabilities"):
        target.command(site, intent)


def test_a_turn_that_completed(site: Site, target: CodexTarget) -> None:
    outcome = target.read(site, TURN, Ended(code=0, stdout=STARTED + SAID + SAID + COMPLETED, stderr="Reading…"))
    assert (outcome.ok, outcome.kind, outcome.text, outcome.documents) == (True, "ok", "done\ndone", None)


@pytest.mark.parametrize("stdout", [STARTED + SAID, STARTED + COMPLETED + failed("late")[len(STARTED) :], ""])
def test_exit_0_without_a_completed_turn_is_no_success(site: Site, target: CodexTarget, stdout: str) -> None:
    assert not target.read(site, TURN, Ended(code=0, stdout=stdout, stderr="")).ok


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("exceeded retry limit, last status: 429 Too Many Requests, request id: req_7", "retryable"),
        ("We\u2019re currently experiencing high demand, which may cause temporary errors.", "retryable"),
        ("unexpected status 529 <unknown status code>: told to, url: http://x/v1/responses", "retryable"),
        ("stream disconnected before completion: error sending request", "retryable"),
        ("rate limit exceeded: The fake was told to fail here.", "retryable"),
        ("unexpected status 401 Unauthorized: told to, url: http://x/v1/responses", "auth"),
        ("Your access token could not be refreshed because your refresh token was revoked. Please log out", "auth"),
        ('{"error":{"message":"told to","type":"invalid_request_error","param":null,"code":null}}', "fatal"),
        ("Codex ran out of room in the model's context window. Start a new thread", "fatal"),
        ("something new", "unclear"),
    ],
)
def test_kinds_of_failed_turns(site: Site, target: CodexTarget, message: str, kind: str) -> None:
    outcome = target.read(site, TURN, Ended(code=1, stdout=failed(message), stderr=""))
    assert (outcome.ok, outcome.kind, outcome.message, outcome.exit_status) == (False, kind, message, 1)


def test_errors_without_a_turn_and_ends_by_a_signal(site: Site, target: CodexTarget) -> None:
    add = AddAgent(name="", workspace="/w")
    bad = "Error: invalid server name '' (use letters, numbers, '-', '_', ':', '@', '/', '.')\n"
    assert target.read(site, add, Ended(code=1, stdout="", stderr=bad)).kind == "usage"
    disk = 'Error: failed to write\n\nCaused by:\n    1: I/O error (os error 5) at path "/h/.codex/.tmpC"\n'
    assert target.read(site, add, Ended(code=1, stdout="", stderr=disk)).kind == "local"
    killed = target.read(site, TURN, Ended(code=-9, stdout=STARTED, stderr="Reading…"))
    assert (killed.ok, killed.exit_status, killed.message) == (False, None, "")


def test_list(site: Site, target: CodexTarget) -> None:
    listed = '[\n {"name": "lane0", "enabled": true},\n {"name": "lane1", "enabled": false}\n]\n'
    assert target.read(site, ListAgents(), Ended(code=0, stdout=listed, stderr="")).agents == ("lane0", "lane1")
    assert target.read(site, ListAgents(), Ended(code=0, stdout="[]\n", stderr="")).agents == ()
    assert target.read(site, ListAgents(), Ended(code=1, stdout="", stderr="Error: x")).agents is None


def test_a_release_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILEUP_CACHE", str(tmp_path))
    with pytest.raises(ProvisionError, match=r"codex@0\.169\.0 is not installed") as raised:
        registry.find("codex@0.169.0")
    assert raised.value.hint == "pileup provision codex@0.169.0"
