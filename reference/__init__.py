"""A small multi-agent orchestrator that keeps every rule of this project; run it with `python -m reference`.

It imports nothing of the harness and the fakes, and nothing imports it: it is reached as a program.
"""

VERSION = "0.1.0"
