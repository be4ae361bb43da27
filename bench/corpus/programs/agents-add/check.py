"""Every name whose add was acknowledged is listed."""

import json


def check(folder, endings):
    agents = json.loads((folder / "agents.json").read_text())
    lost = [label for label, ending in endings.items() if ending.done and label not in agents]
    return f"{', '.join(lost)} was added, and is not in the list {agents}" if lost else None
