"""A small multi-agent orchestrator that keeps every rule of this project; run it with `python -m reference`.

It imports nothing of the harness and the fakes, and nothing imports it: it is reached as a program.

    __main__ -> cli -> commands -> config, turn, gateway, …      `cli` alone prints and exits
    parts            what a variant can replace; everything else is found through it
    turn             one turn: runs (the table), sessions (the lock), transcript, failover, tools, delegation
    gateway          client, server and workers; a worker does what `agent --local` does
    locks, durable, identity, deadline, stopping, streams        what the kernel offers, used right
    errors           every failure as a type, with its exit status

State lies in $REFERENCE_HOME or ~/.reference, 0700:

    config.json               agents, models, providers, limits; for people to edit. Backups: config.json.bak.1 to 3
    locks/NAME.lock           flock; the content is the holder's {pid, start_time, boot_id, run_id, since}, empty
                              when the lock was given up, left over when its holder was killed
    sessions/AGENT/ID.jsonl   one record per message: {seq, fence, run, at, role, text, tool_calls, tool_call_id,
                              delivers}
    runs.sqlite               tables runs and jobs
    credentials.json          OAuth profiles, 0600
    cooldowns.json            what providers asked to be left alone
    gateway.sock              while a gateway is listening
    crash-TIME-PID.txt        the traceback of a bug of ours
"""

VERSION = "0.1.0"
