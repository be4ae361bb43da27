"""Where the shipped scenarios and their rules lie; known to the plug-in and to the command line."""

from pathlib import Path

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
RULES_FILE = SCENARIOS / "rules.toml"
