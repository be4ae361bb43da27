"""A credential that somebody has refreshed and stored stays stored."""

import json


def check(folder, endings):
    path = folder / "credential.json"
    if not any(ending.done for ending in endings.values()):
        return None
    if not path.exists():
        return "a credential was refreshed and stored, and is gone"
    generation = json.loads(path.read_text())["generation"]
    return None if generation == 2 else f"the store holds generation {generation}, and 2 was acknowledged"
