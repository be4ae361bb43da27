"""Which recipe a `name@version` gets."""

import pytest

from harness.errors import UsageError
from harness.targets.catalog import RECIPES, find_recipe


def test_each_recipe_is_found_by_its_own_label() -> None:
    assert [find_recipe(recipe.label) for recipe in RECIPES] == list(RECIPES)
    assert len({recipe.label for recipe in RECIPES}) == len(RECIPES)


def test_openclaw_recipes_carry_their_interpreter_and_overrides() -> None:
    early, late = find_recipe("openclaw@2026.3.8"), find_recipe("openclaw@2026.9.6")
    assert early.node is not None
    assert early.node.startswith("22.")
    assert dict(early.overrides) == {"libsignal": "npm:libsignal@6.0.0", "linkedom": "0.18.12"}
    assert late.node is not None
    assert late.node.startswith("24.")
    assert late.overrides == ()
    assert early.proven
    assert early.borrowed_from == ""


@pytest.mark.parametrize(
    ("version", "base"),
    [
        ("2026.3.7", "2026.3.8"),  # older than all: the oldest recipe
        ("2026.3.9", "2026.3.8"),
        ("2026.4.10", "2026.4.2"),  # compared as numbers, not as text
        ("2026.6.11-beta.2", "2026.6.11"),
        ("2027.1.1", "2026.9.6"),
    ],
)
def test_an_unproven_version_borrows_the_newest_recipe_not_newer_than_it(version: str, base: str) -> None:
    recipe = find_recipe(f"openclaw@{version}")
    assert (recipe.version, recipe.borrowed_from, recipe.proven) == (version, base, False)
    assert recipe.overrides == find_recipe(f"openclaw@{base}").overrides


@pytest.mark.parametrize("spec", ["nosuchcli@1.0.0", "", "@1.0.0", "OPENCLAW@2026.3.8"])
def test_an_unknown_program_is_refused_with_the_known_ones(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_recipe(spec)
    assert repr(spec) in caught.value.message
    assert "openclaw@2026.3.8" in caught.value.hint
    assert "codex@0.169.0" in caught.value.hint


@pytest.mark.parametrize("version", ["", "@", "@latest", "@^2026.3.8", "@2026", "@2026.3.8 ", "@../../x", "@2026.3.x"])
def test_a_version_that_is_not_exact_is_refused_with_the_known_ones(version: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_recipe(f"openclaw{version}")
    assert "exact" in caught.value.message
    assert "openclaw@2026.9.6" in caught.value.hint
    assert "codex" not in caught.value.hint
