"""Refreshes an expired credential: spends its refresh token at the server, a folder here, and stores what comes back.

The loser of a race is told that the token is spent. It reads the store again; if that has nothing newer, the
credential is worth nothing any more, and is removed, so that the user is asked to log in.
"""

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


credential = stored()
if credential["expired"]:
    if spend(credential["generation"]):
        with open("credential.new", "w") as file:
            json.dump({"generation": credential["generation"] + 1, "expired": False}, file)
        os.rename("credential.new", "credential.json")
    elif stored() == credential:
        os.unlink("credential.json")
        sys.exit(75)
