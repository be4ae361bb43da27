"""Refreshes an expired credential: spends its refresh token at the server, a folder here, and stores what comes back.

One process at a time reads, spends and stores. Who finds the token spent leaves the store alone and asks for a login.
"""

import fcntl
import json
import os
import sys

os.chdir(sys.argv[1])


def stored():
    with open("credential.json") as file:
        return json.load(file)


def spend(generation):
    try:
        os.rename(f"server/token-{generation}", f"server/spent-{generation}")
    except FileNotFoundError:
        return False
    with open(f"server/token-{generation + 1}", "w"):
        return True


with open("credential.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    credential = stored()
    if credential["expired"]:
        if not spend(credential["generation"]):
            sys.exit(75)
        with open("credential.new", "w") as file:
            json.dump({"generation": credential["generation"] + 1, "expired": False}, file)
        os.rename("credential.new", "credential.json")
