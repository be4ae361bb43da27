"""Each test has a folder of its own."""

from __future__ import annotations

import pytest

from tests.harness.plugin.place import Place


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)
