"""What the sabotages of adapters share: the sound ones that they are made of, and the list of all."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.targets import registry
from harness.targets.protocol import Turn
from harness.targets.reference import ReferenceTarget

TINY = f"{Path(__file__).resolve().parents[4] / 'docs' / 'example' / 'tiny_target.py'}:repaired"
Tiny = type(registry.find(TINY))
SABOTAGES = []


def caught_by(check, phrase):
    """The adapter must fail this check, with this phrase in its reason."""

    def note(adapter):
        SABOTAGES.append(pytest.param(adapter, check, phrase, id=f"{check}-{adapter.__name__}"))
        return adapter

    return note


class Turns(ReferenceTarget):
    """Asks for something else than the turn that was meant."""

    def other(self, turn):
        return turn

    def command(self, site, intent):
        return super().command(site, self.other(intent) if isinstance(intent, Turn) else intent)
