"""Everyone who came through has been counted."""


def check(folder, endings):
    counted = int((folder / "count").read_text())
    least = sum(ending.done for ending in endings.values())
    return None if counted >= least else f"{least} came through, and {counted} were counted"
