"""What scenarios ask of programs that have only a part of what the reference has."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from harness.session.bench import Bench, Settings
from harness.targets.protocol import Capability, Setup, Site
from harness.targets.reference import ReferenceTarget
from harness.verdict import Verdict
from scenarios import test_failover
from scenarios.work import holding_text, providers


class ApiKeysOnly(ReferenceTarget):
    """The reference as a program that knows no OAuth, and so no codex."""

    capabilities = ReferenceTarget.capabilities - {Capability.OAUTH, Capability.PROFILES}

    def prepare(self, site: Site, setup: Setup) -> None:
        models = tuple(model for model in setup.models if model != "codex")
        super().prepare(site, replace(setup, models=models, credential=None))


@pytest.mark.parametrize(
    ("has", "asked"),
    [
        ({Capability.FAILOVER, Capability.OAUTH}, ("anthropic", "gemini", "codex")),
        ({Capability.FAILOVER}, ("anthropic", "gemini")),
        ({Capability.OAUTH}, ("anthropic",)),
        (set(), ("anthropic",)),
    ],
)
def test_a_provider_is_asked_by_those_who_can(has: set[Capability], asked: tuple[str, ...]) -> None:
    lab: Any = SimpleNamespace(target=SimpleNamespace(capabilities=has))
    assert providers(lab) == asked


def test_failover_without_oauth_can_conform() -> None:
    """Of a model that nobody without a credential can ask no fault is planned, which could not take place."""
    settings = Settings(target_name="keys", seed=1, schedules=1, replay=None, conductor=True)
    with Bench(ApiKeysOnly(), settings) as bench:
        campaign = bench.run(test_failover.test_fatal_refusals.scenario)
    assert campaign.verdict is Verdict.CONFORMS, campaign.telling.judgement


def test_what_holds_a_turns_text_is_its_writes_and_their_syncs() -> None:
    """A database that has the text too goes on with its file: not all of that is what a session is made of."""
    lab: Any = SimpleNamespace(is_state=lambda call: True)
    matches = holding_text(lab)
    calls = [("a", b"[[struck0]] hi"), ("a", b""), ("b", b"\x00"), ("a", b"{}"), ("b", b"...struck0]]..."), ("b", b"")]
    seen = [matches(_call(path, data)) for path, data in calls]
    assert seen == [True, True, False, False, True, True]


def _call(path: str, data: bytes) -> Any:
    return SimpleNamespace(actor="struck0", path=path, data=lambda: data)
