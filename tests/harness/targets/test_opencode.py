"""The opencode adapter: files in, outcomes out. Its outputs here were printed by the real program, and shortened."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.oauth import OAuthSettings
from fakes.oauth.state import OAuthState
from harness.errors import ProvisionError
from harness.targets import registry
from harness.targets.opencode import OpencodeTarget
from harness.targets.protocol import UNREACHABLE, CancelRun, Ended, Intent, ListAgents, Raw, Setup, Site, Turn

TURN = Turn(agent="lane0", message='[[lane0]] say "hi"')
ADDED = '│\n◆  MCP server "lane1" added to /home/.config/opencode/opencode.json\n'
DAMAGED = (
    "\x1b[91m\x1b[1mError: \x1b[0mConfig file at /home/.config/opencode/opencode.json is not valid JSON(C): \n"
    "--- JSONC Input ---\n{\n"
)


@pytest.fixture
def target(tmp_path: Path) -> OpencodeTarget:
    database = tmp_path / "empty.db"
    database.write_bytes(b"tables")
    return OpencodeTarget("1.18.33", ("/opencode",), database)


def events(*rows: dict[str, object]) -> str:
    return "".join(json.dumps({"timestamp": 1795671879366, "sessionID": "ses_1", **row}) + "\n" for row in rows)


def step(reason: str, *texts: str) -> str:
    said: list[dict[str, object]] = [{"type": "text", "part": {"type": "text", "text": text}} for text in texts]
    return events({"type": "step_start", "part": {}}, *said, {"type": "step_finish", "part": {"reason": reason}})


def failed(name: str, message: str, **more: object) -> str:
    return events({"type": "error", "error": {"name": name, "data": {"message": message, **more}}})


def test_models_lead_to_the_fakes_each_by_its_interface(site: Site, target: OpencodeTarget) -> None:
    setup = Setup(
        agents=("lane0",), models=("gemini", "codex", "anthropic"), unreachable=("codex",), extra={"x": 1},
        idle_seconds=1.5,
    )  # fmt: skip
    target.prepare(site, setup)
    config = json.loads(target.config_file(site).read_text())
    providers = config["provider"]
    assert {name: (each["npm"], each["options"]["baseURL"]) for name, each in providers.items()} == {
        "fake-gemini": ("@ai-sdk/google", "http://127.0.0.1:4711/v1beta"),
        "fake-codex": ("@ai-sdk/openai", f"{UNREACHABLE}/v1"),
        "fake-anthropic": ("@ai-sdk/anthropic", "http://127.0.0.1:4711/v1"),
    }
    assert {each["options"]["chunkTimeout"] for each in providers.values()} == {1500}
    assert (config["model"], config["x"]) == ("fake-gemini/fake", 1)
    assert config["mcp"]["lane0"]["command"] == ["true", str(site.workspace("lane0"))]


def test_a_home_is_warm(site: Site, target: OpencodeTarget) -> None:
    target.prepare(site, Setup())
    assert (site.home / ".local" / "share" / "opencode" / "opencode.db").read_bytes() == b"tables"
    folder = target.config_file(site).parent
    locked = json.loads((folder / "package-lock.json").read_text())
    assert locked["packages"][""]["dependencies"] == {"@opencode-ai/plugin": "1.18.33"}
    assert (folder / "node_modules").is_dir()


def test_with_a_credential_it_is_signed_in(site: Site, target: OpencodeTarget) -> None:
    assert target.profile(site, "main") is None
    credential = OAuthState(OAuthSettings(), lambda: 1e9).seed("codex", account="acct-1")
    target.prepare(site, Setup(credential=credential, models=("codex",)))
    assert json.loads(target.config_file(site).read_text())["model"] == "openai/gpt-5.4"
    [store] = target.credentials_files(site)
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    profile = target.profile(site, "main")
    assert profile is not None
    assert (profile["type"], profile["refresh"], profile["accountId"]) == ("oauth", credential.refresh_token, "acct-1")
    target.store_credential(site, replace(credential, refresh_token="newer"))
    assert (target.profile(site, "main") or {})["refresh"] == "newer"
    assert target.profile(site, "other") is None


def test_a_turn_starts_in_its_workspace_and_goes_on_with_its_session(site: Site, target: OpencodeTarget) -> None:
    turn = target.command(site, TURN)
    words = ("run", "--format", "json", "--title", "a run", "--continue", "--", "[[lane0]]", "say", '"hi"')
    assert turn.argv == ("/opencode", *words)
    assert turn.cwd == site.workspace("lane0")
    assert turn.env["HOME"] == str(site.home)
    named = target.command(site, replace(TURN, session="ses_1"))
    assert named.argv[6:8] == ("--session", "ses_1")


@pytest.mark.parametrize("intent", [CancelRun(id="x"), replace(TURN, timeout=3.0), replace(TURN, gateway=True)])
def test_what_it_cannot_express_is_refused(site: Site, target: OpencodeTarget, intent: Intent) -> None:
    with pytest.raises(ValueError, match="not among this target's capabilities"):
        target.command(site, intent)


def test_a_list_is_what_the_program_has_understood_of_its_config(site: Site, target: OpencodeTarget) -> None:
    config = {"model": "fake-codex/fake", "mcp": {"lane0": {"type": "local"}, "lane1": {"type": "local"}}}
    listed = target.read(site, ListAgents(), Ended(code=0, stdout=json.dumps(config, indent=2), stderr=""))
    assert (listed.ok, listed.agents) == (True, ("lane0", "lane1"))
    empty = target.read(site, ListAgents(), Ended(code=0, stdout='{"model": "m", "agent": {}}', stderr=""))
    assert empty.agents == ()
    for text in ("", "{}", ADDED, '{"model": "m", "mcp": 5}'):
        assert target.read(site, ListAgents(), Ended(code=0, stdout=text, stderr="")).agents is None


def test_a_turn_that_completed(site: Site, target: OpencodeTarget) -> None:
    printed = step("tool-calls", "looking") + step("stop", "[[done]] fine")
    outcome = target.read(site, TURN, Ended(code=0, stdout=printed, stderr=""))
    assert (outcome.ok, outcome.kind, outcome.text) == (True, "ok", "looking\n[[done]] fine")


@pytest.mark.parametrize(
    "printed", ["", step("tool-calls", "looking"), step("length", "cut"), step("stop") + failed("X", "y")]
)
def test_exit_0_is_no_success_by_itself(site: Site, target: OpencodeTarget, printed: str) -> None:
    assert not target.read(site, TURN, Ended(code=0, stdout=printed, stderr="")).ok


@pytest.mark.parametrize(
    ("name", "facts", "kind"),
    [
        ("APIError", {"message": "slow down", "statusCode": 429, "isRetryable": True}, "retryable"),
        ("APIError", {"message": "Overloaded", "statusCode": 529, "isRetryable": True}, "retryable"),
        ("APIError", {"message": "no such key", "statusCode": 401, "isRetryable": False}, "auth"),
        ("APIError", {"message": "bad request", "statusCode": 400, "isRetryable": False}, "fatal"),
        ("APIError", {"message": "Cannot connect to API: closed", "isRetryable": True}, "retryable"),
        ("ContextOverflowError", {"message": "prompt is too long"}, "fatal"),
        ("UnknownError", {"message": "Token refresh failed: 401"}, "auth"),
        ("UnknownError", {"message": "something new"}, "unclear"),
    ],
)
def test_errors_of_a_turn(site: Site, target: OpencodeTarget, name: str, facts: dict[str, object], kind: str) -> None:
    outcome = target.read(site, TURN, Ended(code=1, stdout=failed(name, **facts), stderr=""))  # type: ignore[arg-type]
    assert (outcome.ok, outcome.kind, outcome.code, outcome.message) == (False, kind, name, facts["message"])


def test_errors_before_a_turn_and_ends_by_a_signal(site: Site, target: OpencodeTarget) -> None:
    damaged = target.read(site, ListAgents(), Ended(code=1, stdout="", stderr=DAMAGED))
    assert damaged.kind == "local"
    assert damaged.message == "Error: Config file at /home/.config/opencode/opencode.json is not valid JSON(C):"
    killed = target.read(site, TURN, Ended(code=-15, stdout="", stderr="x"))
    assert (killed.ok, killed.exit_status, killed.message) == (False, None, "")
    assert target.read(site, Raw(words=("mcp",)), Ended(code=0, stdout=ADDED, stderr="")).ok


def test_a_release_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILEUP_CACHE", str(tmp_path))
    with pytest.raises(ProvisionError, match=r"opencode@1\.18\.33 is not installed") as raised:
        registry.find("opencode@1.18.33")
    assert raised.value.hint == "pileup provision opencode@1.18.33"
