"""The pi adapter: files in, outcomes out. Its outputs here were printed by the real program, and shortened."""

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
from harness.targets.pi import PiTarget
from harness.targets.protocol import UNREACHABLE, CancelRun, Ended, Intent, ListAgents, Setup, Site, Turn

TURN = Turn(agent="lane0", message="[[lane0]] hi")


@pytest.fixture
def target() -> PiTarget:
    return PiTarget("0.73.1", ("/node", "/cli.js"))


def said(text: str, stop: str = "stop", **more: str) -> str:
    content = [{"type": "text", "text": text}] if text else []
    user = {"type": "message_end", "message": {"role": "user", "content": [{"type": "text", "text": "hi"}]}}
    message = {"role": "assistant", "content": content, "stopReason": stop, **more}
    events = [{"type": "agent_start"}, user, {"type": "message_end", "message": message}, {"type": "agent_end"}]
    return "".join(json.dumps(event) + "\n" for event in events)


def test_models_lead_to_the_fakes_each_by_its_interface(site: Site, target: PiTarget) -> None:
    target.prepare(site, Setup(models=("gemini", "codex", "anthropic"), unreachable=("codex",), extra={"x": 1}))
    providers = json.loads((site.home / ".pi" / "agent" / "models.json").read_text())["providers"]
    assert {name: (each["api"], each["baseUrl"]) for name, each in providers.items()} == {
        "fake-gemini": ("google-generative-ai", "http://127.0.0.1:4711/v1beta"),
        "fake-codex": ("openai-responses", f"{UNREACHABLE}/v1"),
        "fake-anthropic": ("anthropic-messages", "http://127.0.0.1:4711"),
    }
    settings = json.loads(target.config_file(site).read_text())
    assert (settings["defaultProvider"], settings["x"]) == ("fake-gemini", 1)


def test_with_a_credential_it_is_signed_in(site: Site, target: PiTarget) -> None:
    assert target.profile(site, "main") is None
    credential = OAuthState(OAuthSettings(), lambda: 1e9).seed("codex", account="acct-1")
    target.prepare(site, Setup(credential=credential, models=("codex",)))
    assert json.loads(target.config_file(site).read_text())["defaultProvider"] == "openai-codex"
    [store] = target.credentials_files(site)
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    profile = target.profile(site, "main")
    assert profile is not None
    assert (profile["refresh"], profile["accountId"]) == (credential.refresh_token, "acct-1")
    target.store_credential(site, replace(credential, refresh_token="newer"))
    assert (target.profile(site, "main") or {})["refresh"] == "newer"
    assert target.profile(site, "other") is None


def test_a_turn_starts_in_its_workspace(site: Site, target: PiTarget) -> None:
    turn = target.command(site, TURN)
    assert turn.argv == ("/node", "/cli.js", "-p", "--mode", "json", "[[lane0]] hi")
    assert turn.cwd == site.workspace("lane0")
    assert turn.env["PI_CODING_AGENT_DIR"] == str(site.home / ".pi" / "agent")


@pytest.mark.parametrize("intent", [ListAgents(), CancelRun(id="x"), replace(TURN, timeout=3.0)])
def test_what_it_cannot_express_is_refused(site: Site, target: PiTarget, intent: Intent) -> None:
    with pytest.raises(ValueError, match="not among this target's capabilities"):
        target.command(site, intent)


def test_a_turn_that_completed(site: Site, target: PiTarget) -> None:
    outcome = target.read(site, TURN, Ended(code=0, stdout=said("[[done]] fine"), stderr=""))
    assert (outcome.ok, outcome.kind, outcome.text) == (True, "ok", "[[done]] fine")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('429 {"type":"error","error":{"type":"rate_limit_error"}}', "retryable"),
        ('529 {"type":"error","error":{"type":"overloaded_error"}}', "retryable"),
        ("401 Incorrect API key provided", "auth"),
        ("400 bad request", "fatal"),
        ("Connection error.", "retryable"),
        ("something new", "unclear"),
    ],
)
def test_exit_0_is_no_success_by_itself(site: Site, target: PiTarget, message: str, kind: str) -> None:
    failed = Ended(code=0, stdout=said("", "error", errorMessage=message), stderr="")
    outcome = target.read(site, TURN, failed)
    assert (outcome.ok, outcome.kind, outcome.message, outcome.exit_status) == (False, kind, message, 0)


def test_errors_before_a_turn_and_ends_by_a_signal(site: Site, target: PiTarget) -> None:
    stderr = "No API key found for openai-codex.\n\nSee:\n  /x/docs/providers.md\n"
    unsigned = target.read(site, TURN, Ended(code=1, stdout="", stderr=stderr))
    assert (unsigned.kind, unsigned.message) == ("auth", "No API key found for openai-codex.")
    killed = target.read(site, TURN, Ended(code=-15, stdout="", stderr="x"))
    assert (killed.ok, killed.exit_status, killed.message) == (False, None, "")


def test_a_release_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILEUP_CACHE", str(tmp_path))
    with pytest.raises(ProvisionError, match=r"pi@0\.73\.1 is not installed") as raised:
        registry.find("pi@0.73.1")
    assert raised.value.hint == "pileup provision pi@0.73.1"
