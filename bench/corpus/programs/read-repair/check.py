"""What was set stays set."""

import json


def check(folder, endings):
    try:
        theme = json.loads((folder / "settings.json").read_text())["theme"]
    except ValueError:
        return "settings.json is damaged"
    if endings["set"].done and theme != "dark":
        return f"the theme was set to dark, and is {theme}"
    return None
