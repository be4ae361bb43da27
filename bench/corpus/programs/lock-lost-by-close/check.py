"""Whoever says that he has counted is counted."""


def check(folder, endings):
    counted, found = sum(ending.done for ending in endings.values()), int((folder / "count").read_text())
    return f"{counted} have counted, and the count is {found}" if found < counted else None
