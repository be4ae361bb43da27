"""A reader gets the first or the second generation as a whole, and the current one is there."""


def check(folder, endings):
    said = endings["read"].output.strip()
    if endings["read"].done and said not in ("first", "second"):
        return f"the reader got {said!r}"
    newest = (folder / "current").read_text()
    return None if (folder / f"generation-{newest}").exists() else f"generation {newest} is current, and was removed"
