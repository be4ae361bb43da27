"""The shipped rules are complete; a file of one's own may say less."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import scenario
from harness.errors import UsageError
from harness.places import RULES_FILE
from harness.scenario import load_rules

SHORT = '[[rule]]\nid = "OWN-1"\nname = "own"\nlevel = "MUST"\nstatement = "Ours."\nsources = []\n'


def test_each_shipped_rule_has_a_reason_of_its_own() -> None:
    rules = load_rules(RULES_FILE).values()
    reasons = [rule.reason for rule in rules]
    assert [rule.id for rule in rules if not rule.reason.endswith(".") or rule.reason == rule.statement] == []
    assert len(set(reasons)) == len(reasons)


@pytest.mark.parametrize(
    ("more", "lacks"), [("", "definite, reason"), ('reason = "r"\n', "definite"), ("definite = true\n", "reason")]
)
def test_a_shipped_rule_may_lack_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: str, lacks: str
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(SHORT + more)
    assert load_rules(path)["OWN-1"].definite is (more == "definite = true\n")  # nobody has vouched for its findings
    monkeypatch.setattr(scenario, "RULES_FILE", path)
    with pytest.raises(UsageError, match=f"rule 'OWN-1' lacks {lacks}") as raised:
        load_rules(path)
    assert "statement, sources, reason, definite" in raised.value.hint
