"""Child work for scenarios: `python -m fakes.builds` plays a long build that is hard to get rid of.

`fakes.builds.heartbeat` reads what it leaves behind. Nothing here ends other processes.
"""
