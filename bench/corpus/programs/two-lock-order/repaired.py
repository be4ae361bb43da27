"""Moves an amount between two accounts, each locked while it changes, in the order of their names."""

import fcntl
import os
import sys

folder, giver, taker = sys.argv[1:]
os.chdir(folder)
accounts = {}

for name in sorted((giver, taker)):
    accounts[name] = open(name, "r+")  # noqa: SIM115 - closed, and with that unlocked, when all is written
    fcntl.lockf(accounts[name], fcntl.LOCK_EX)

for name, change in ((giver, -5), (taker, 5)):
    balance = int(accounts[name].read())
    accounts[name].seek(0)
    accounts[name].write(f"{balance + change:6}")
for account in accounts.values():
    account.flush()
for account in accounts.values():
    account.close()
