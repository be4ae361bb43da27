"""The gateway: a process that owns runs, so that a run need not end with the terminal that asked for it.

`protocol` is what is said on the socket, `client` and `server` the two ends, `workers` the processes that
do the runs. The gateway itself never runs a turn: its worker does, as `agent --local` would.
"""
