"""No money is made or lost while nobody is killed half-way; a deadlock ends an actor with EDEADLK, which is a crash."""


def check(folder, endings):
    if any(ending.status < 0 for ending in endings.values()):
        return None
    total = int((folder / "x").read_text()) + int((folder / "y").read_text())
    return None if total == 200 else f"the accounts hold {total} together, not 200"
