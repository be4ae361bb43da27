"""The Claude Code adapter: files in, outcomes out. Its outputs here were printed by the real program, and shortened."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.oauth import CLAUDE_CLIENT_ID, OAuthSettings
from fakes.oauth.rules import Grant
from fakes.oauth.state import OAuthState
from harness.errors import ProvisionError
from harness.targets import registry
from harness.targets.claude_code import ClaudeCodeTarget
from harness.targets.extras import oauth_client
from harness.targets.protocol import UNREACHABLE, AddAgent, CancelRun, Ended, Intent, ListAgents, Raw, Setup, Site, Turn
from harness.targets.reference import ReferenceTarget

TURN = Turn(agent="lane0", message="[[lane0]] hi")
LISTED = (
    "Checking MCP server health…\n\nu1: true x - ✘ Failed to connect — CONNECTION_CLOSED: Connection closed\n"
    "lane0: true /tmp/x - ✘ Failed to connect — CONNECTION_CLOSED: Connection closed\n"
)


@pytest.fixture
def target() -> ClaudeCodeTarget:
    return ClaudeCodeTarget("2.1.330", ("/claude",))


def answer(result: str, *, status: int | None = None, reason: str = "api_error", failed: bool = True) -> str:
    return json.dumps(
        {
            "type": "result",
            "subtype": "success",
            "is_error": failed,
            "result": result,
            "terminal_reason": reason,
            "api_error_status": status,
        }
    )


def settings(site: Site) -> dict[str, str]:
    found = json.loads((site.home / ".claude" / "settings.json").read_text())["env"]
    assert isinstance(found, dict)
    return found


def test_without_a_credential_it_has_a_key_and_the_fakes_address(site: Site, target: ClaudeCodeTarget) -> None:
    target.prepare(site, Setup(agents=("lane0",), extra={"x-future": [1]}))
    config = json.loads(target.config_file(site).read_text())
    assert config["mcpServers"]["lane0"]["args"] == [str(site.workspace("lane0"))]
    assert config["x-future"] == [1]
    assert settings(site)["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4711"
    target.prepare(site, Setup(unreachable=("anthropic",)))
    assert settings(site)["ANTHROPIC_BASE_URL"] == UNREACHABLE


def test_with_a_credential_it_knows_its_hosts_by_name_alone(site: Site, target: ClaudeCodeTarget) -> None:
    assert target.profile(site, "main") is None
    state = OAuthState(OAuthSettings(client_id=target.oauth_client), lambda: 1e9)
    credential = state.seed("codex", account="acct-1")
    target.prepare(site, Setup(credential=credential))
    assert settings(site) == {}
    [store] = target.credentials_files(site)
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    profile = target.profile(site, "main")
    assert profile is not None
    assert (profile["refreshToken"], profile["expiresAt"]) == (credential.refresh_token, credential.expires_at * 1000)
    target.store_credential(site, replace(credential, refresh_token="newer"))
    assert (target.profile(site, "main") or {})["refreshToken"] == "newer"
    assert target.profile(site, "other") is None


def test_the_fakes_grant_what_this_client_asks_for() -> None:
    state = OAuthState(OAuthSettings(client_id=CLAUDE_CLIENT_ID), lambda: 1e9)
    credential = state.seed("codex", account="acct-1")
    asked = frozenset({"user:inference", "user:profile", "user:sessions:claude_code"})
    grant = Grant(refresh_token=credential.refresh_token, client_id=CLAUDE_CLIENT_ID, scope=asked)
    assert state.redeem(grant)[0].decision == "minted"


def test_the_client_that_a_target_is_known_as(target: ClaudeCodeTarget) -> None:
    assert oauth_client(target) == CLAUDE_CLIENT_ID
    assert oauth_client(ReferenceTarget()) is None


def test_commands(site: Site, target: ClaudeCodeTarget) -> None:
    turn = target.command(site, TURN)
    assert turn.argv[:5] == ("/claude", "-p", "[[lane0]] hi", "--output-format", "json")
    assert turn.cwd == site.workspace("lane0")
    assert turn.env["NODE_EXTRA_CA_CERTS"] == str(site.ca_file)
    add = target.command(site, AddAgent(name="x", workspace="/w"))
    assert add.argv[1:] == ("mcp", "add", "x", "--scope", "user", "--", "true", "/w")
    assert add.cwd == site.home
    assert target.command(site, Raw(words=("--help",))).argv[1:] == ("--help",)


@pytest.mark.parametrize("intent", [CancelRun(id="x"), replace(TURN, timeout=3.0), replace(TURN, session="s")])
def test_what_it_cannot_express_is_refused(site: Site, target: ClaudeCodeTarget, intent: Intent) -> None:
    with pytest.raises(ValueError, match="not among this target's capabilities"):
        target.command(site, intent)


def test_a_turn_that_completed(site: Site, target: ClaudeCodeTarget) -> None:
    stdout = answer("[[done]] fine", reason="completed", failed=False)
    outcome = target.read(site, TURN, Ended(code=0, stdout=stdout, stderr=""))
    assert (outcome.ok, outcome.kind, outcome.text, outcome.documents) == (True, "ok", "[[done]] fine", 1)


def test_exit_0_is_no_success_by_itself(site: Site, target: ClaudeCodeTarget) -> None:
    interrupted = Ended(code=0, stdout=answer("", reason="interrupted"), stderr="")
    assert not target.read(site, TURN, interrupted).ok
    assert not target.read(site, TURN, Ended(code=0, stdout="", stderr="")).ok


@pytest.mark.parametrize(
    ("result", "status", "kind"),
    [
        ("API Error: Request rejected (429) · This request would exceed your rate limit.", 429, "retryable"),
        ("API Error: 529 Overloaded. This is a server-side issue, usually temporary", 529, "retryable"),
        ("API Error: 400 The fake was told to answer 400.", 400, "fatal"),
        ("Failed to authenticate. API Error: 401 The fake was told to answer 401.", 401, "auth"),
        ("API Error: Connection dropped (ECONNRESET). Check the gateway", None, "retryable"),
        ("API Error: Connection to the API was lost (ECONNRESET). This is usually temporary", None, "retryable"),
        ("Not logged in · Please run /login", None, "auth"),
        ("something new", None, "unclear"),
        ("API Error: 418", 418, "unclear"),
    ],
)
def test_kinds_of_failed_turns(
    site: Site, target: ClaudeCodeTarget, result: str, status: int | None, kind: str
) -> None:
    outcome = target.read(site, TURN, Ended(code=1, stdout=answer(result, status=status), stderr=""))
    assert (outcome.ok, outcome.kind, outcome.message) == (False, kind, result)
    assert outcome.code == ("api_error" if status is None else f"api_error {status}")


def test_errors_without_a_document_and_ends_by_a_signal(site: Site, target: ClaudeCodeTarget) -> None:
    add = AddAgent(name="lane0", workspace="/w")
    taken = Ended(code=1, stdout="", stderr="MCP server lane0 already exists in user config\n")
    assert target.read(site, add, taken).kind == "usage"
    damaged = "\n\nClaude configuration file at /h/.claude.json is corrupted: JSON Parse error: Expected ':'\n"
    assert target.read(site, add, Ended(code=1, stdout="", stderr=damaged)).kind == "local"
    killed = target.read(site, TURN, Ended(code=-9, stdout="", stderr="x"))
    assert (killed.ok, killed.exit_status, killed.message) == (False, None, "")


def test_list(site: Site, target: ClaudeCodeTarget) -> None:
    assert target.read(site, ListAgents(), Ended(code=0, stdout=LISTED, stderr="")).agents == ("u1", "lane0")
    none = Ended(code=0, stdout="No MCP servers configured. Use `claude mcp add` to add a server.\n", stderr="")
    assert target.read(site, ListAgents(), none).agents == ()
    assert target.read(site, ListAgents(), Ended(code=1, stdout=LISTED, stderr="x")).agents is None


def test_a_release_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILEUP_CACHE", str(tmp_path))
    with pytest.raises(ProvisionError, match=r"claude-code@2\.1\.330 is not installed") as raised:
        registry.find("claude-code@2.1.330")
    assert raised.value.hint == "pileup provision claude-code@2.1.330"
