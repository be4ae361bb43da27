"""Who came finds the cache."""


def check(folder, endings):
    if endings["second"].done and not (folder / "cache").exists():
        return "second came, and its cache was removed under its hands"
    return None
