"""Loads Pileup's plug-in for a checkout; an installed Pileup is found by its entry point."""

import hypothesis
import pytest

pytest_plugins = ("harness.plugin",)

# No example fails for taking long: how busy the machine is must not decide.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# `--hypothesis-profile long`: for the few tests that say so, as many examples as are worth a night.
hypothesis.settings.register_profile("long", deadline=None)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Workers of `-n` take from each other what is left. As an option in pyproject.toml it would need pytest-xdist."""
    if config.getoption("numprocesses", None) and config.getoption("dist") == "no":
        config.option.dist = "worksteal"
