"""Loads Pileup's plug-in for a checkout; an installed Pileup is found by its entry point."""

pytest_plugins = ("harness.plugin",)
