"""One run's world: all that a scenario's body can touch."""

from harness.lab.lab import Lab

__all__ = ["Lab"]
