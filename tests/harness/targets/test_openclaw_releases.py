"""The OpenClaw adapter on later releases. Its outputs here were printed by the real programs, and shortened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.outcome import AttemptSeen
from harness.targets.openclaw import OpenClawTarget
from harness.targets.openclaw_releases import RELEASES
from harness.targets.protocol import Capability, Ended, Setup, Site, Turn

TURN = Turn(agent="lane0", message="[[lane0]] hi")
OVERLOADED = (
    'All models failed (3): anthropic/claude-sonnet-4-6: {"type":"error","error":{"type":"overloaded_error",'
    '"message":"Overloaded"},"request_id":"req_000000000000000000000001"} (overloaded)'
    " | google/gemini-3.1-pro-preview: Google Generative AI API error (529): The fake was told to answer 529."
    " [code=INTERNAL] (overloaded) | openai/gpt-5.3-codex: 529 The fake was told to answer 529. (overloaded)"
)
REPEATED = " | 529 The fake was told to answer 529."  # behind the list, 2026.6.11 has the last cause once more
STALLED = (
    "FallbackSummaryError: All models failed (3): anthropic/claude-sonnet-4-6: This operation was aborted (timeout)"
    " | google/gemini-3.1-pro-preview: This operation was aborted (timeout)"
    " | openai/gpt-5.3-codex: Request was aborted. (timeout) | Request was aborted.\n"
)
ALL_OVERLOADED = (
    AttemptSeen(provider="anthropic", model="claude-sonnet-4-6", kind="overloaded", status=None),
    AttemptSeen(provider="gemini", model="gemini-3.1-pro-preview", kind="overloaded", status=529),
    AttemptSeen(provider="codex", model="gpt-5.3-codex", kind="overloaded", status=529),
)


def adapter(version: str, folder: Path) -> OpenClawTarget:
    return OpenClawTarget(version, ("/node", "/openclaw.mjs"), folder / "warm")


@pytest.fixture(params=["2026.6.11", "2026.9.6"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> OpenClawTarget:
    return adapter(request.param, tmp_path)


def test_every_release_can_add_and_list_agents() -> None:
    wanted = {Capability.ADD_AGENTS, Capability.AGENT_NAMES}
    assert all(wanted <= release.capabilities for release in RELEASES.values())


def test_a_release_that_has_turns_has_all_three_providers() -> None:
    with_turns = [release for release in RELEASES.values() if Capability.TURN in release.capabilities]
    assert all(set(release.providers) == {"anthropic", "gemini", "codex"} for release in with_turns)
    signs_in = [release for release in with_turns if release.providers["codex"].key is None]
    assert signs_in == [release for release in with_turns if Capability.OAUTH in release.capabilities]


def test_later_releases_call_two_providers_otherwise(target: OpenClawTarget, site: Site) -> None:
    target.prepare(site, Setup(agents=("lane0",), models=("codex", "gemini")))
    config = json.loads(target.config_file(site).read_text())
    assert config["agents"]["defaults"]["model"] == {
        "primary": "openai/gpt-5.3-codex",
        "fallbacks": ["google/gemini-3.1-pro-preview"],
    }
    urls = {name: provider["baseUrl"] for name, provider in config["models"]["providers"].items()}
    assert urls == {"anthropic": site.url, "google": f"{site.url}/v1beta", "openai": f"{site.url}/v1"}
    assert all(provider["apiKey"] for provider in config["models"]["providers"].values())


def test_agents_stand_in_a_list_or_by_their_names(tmp_path: Path, site: Site) -> None:
    workspace = str(site.workspace("lane0"))
    for version, expected in (
        ("2026.6.11", {"list": [{"id": "lane0", "workspace": workspace}]}),
        ("2026.9.6", {"ownership": "explicit", "entries": {"lane0": {"workspace": workspace}}}),
    ):
        target = adapter(version, tmp_path)
        target.prepare(site, Setup(agents=("lane0",)))
        agents = json.loads(target.config_file(site).read_text())["agents"]
        assert {key: value for key, value in agents.items() if key != "defaults"} == expected


def test_without_agents_nothing_is_said_of_them(tmp_path: Path, site: Site) -> None:
    target = adapter("2026.9.6", tmp_path)
    target.prepare(site, Setup())
    assert list(json.loads(target.config_file(site).read_text())["agents"]) == ["defaults"]


@pytest.mark.parametrize("rest", ["", REPEATED])
def test_the_attempts_of_a_failure_on_standard_error(target: OpenClawTarget, site: Site, rest: str) -> None:
    stderr = f"[diagnostic] lane task error: lane=main\nFallbackSummaryError: {OVERLOADED}{rest}\n"
    outcome = target.read(site, TURN, Ended(code=1, stdout="", stderr=stderr))
    assert (outcome.ok, outcome.kind, outcome.documents) == (False, "retryable", 0)
    assert outcome.attempts == ALL_OVERLOADED


def test_the_attempts_of_a_failure_in_a_document(target: OpenClawTarget, site: Site) -> None:
    document = {"ok": False, "error": {"type": "cli_error", "message": OVERLOADED}}
    stderr = "[openclaw] The CLI command failed.\n[openclaw] Help: openclaw --help\n"
    outcome = target.read(site, TURN, Ended(code=1, stdout=json.dumps(document, indent=2), stderr=stderr))
    assert (outcome.ok, outcome.kind, outcome.documents) == (False, "retryable", 1)
    assert outcome.message == OVERLOADED
    assert outcome.attempts == ALL_OVERLOADED


def test_silent_models_are_retryable(target: OpenClawTarget, site: Site) -> None:
    outcome = target.read(site, TURN, Ended(code=1, stdout="", stderr=STALLED))
    assert outcome.kind == "retryable"
    assert outcome.attempts is not None
    assert [(attempt.provider, attempt.kind) for attempt in outcome.attempts] == [
        ("anthropic", "timeout"),
        ("gemini", "timeout"),
        ("codex", "timeout"),
    ]


def test_a_refused_request_is_fatal_though_the_command_exits_0(target: OpenClawTarget, site: Site) -> None:
    said = "LLM request failed: provider rejected the request schema or tool payload."
    document = {"payloads": [{"text": said}], "meta": {"aborted": False, "stopReason": "error"}}
    outcome = target.read(site, TURN, Ended(code=0, stdout=json.dumps(document), stderr=""))
    assert (outcome.ok, outcome.kind, outcome.message) == (False, "fatal", said)


def test_a_damaged_config_is_quoted(target: OpenClawTarget, site: Site) -> None:
    stderr = (
        "OpenClaw config is invalid\nFile: ~/.openclaw/openclaw.json\nProblem:\n"
        "  - models.providers.openai-codex.api: a removed api id\n\nFix: openclaw doctor --fix\n"
    )
    outcome = target.read(site, TURN, Ended(code=1, stdout="", stderr=stderr))
    assert outcome.kind == "local"
    assert outcome.message == ("OpenClaw config is invalid: - models.providers.openai-codex.api: a removed api id")
