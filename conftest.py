"""Loads Pileup's plug-in for a checkout; an installed Pileup is found by its entry point."""

import hypothesis

pytest_plugins = ("harness.plugin",)

# `--hypothesis-profile long`: for the few tests that say so, as many examples as are worth a night.
hypothesis.settings.register_profile("long", deadline=None)
