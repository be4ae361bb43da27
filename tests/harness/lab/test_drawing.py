"""Parameters of a run: from the strategy's values, by the seed."""

from __future__ import annotations

import random

import pytest
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from harness.lab.drawing import draw

NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), min_size=2, max_size=6, unique=True)


def test_the_same_seed_draws_the_same() -> None:
    assert [draw(NAMES, random.Random(7)) for _ in range(3)] == [draw(NAMES, random.Random(7))] * 3


def test_seeds_differ_and_keep_to_the_strategy() -> None:
    drawn = [tuple(draw(NAMES, random.Random(seed))) for seed in range(30)]
    assert len(set(drawn)) > 15
    assert {len(names) for names in drawn} > {2}
    assert all(2 <= len(set(names)) == len(names) <= 6 for names in drawn)


def test_one_source_gives_one_value_after_the_other() -> None:
    chance = random.Random(3)
    assert draw(st.integers(), chance) != draw(st.integers(), chance)


def test_a_strategy_without_values_says_so() -> None:
    with pytest.raises(HypothesisException):
        draw(st.integers().filter(lambda _: False), random.Random(1))
