"""A saved document holds what its writer saved."""

import json


def check(folder, endings):
    for label, ending in endings.items():
        path = folder / f"{label}.json"
        text = path.read_text() if path.exists() else ""
        if ending.done and text != json.dumps({"title": label}, separators=(",", ":")):
            return f"{label} saved its document, and {path.name} holds {text!r}"
    return None
