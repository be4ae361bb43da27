"""Everybody who acknowledged has built; a deadlock ends an actor with EDEADLK, which is a crash."""


def check(folder, endings):
    path = folder / "built"
    built = path.read_text().split() if path.exists() else []
    lost = [label for label, ending in endings.items() if ending.done and label not in built]
    return f"{', '.join(lost)} acknowledged, and has not built" if lost else None
