"""There was only ever one key."""


def check(folder, endings):
    given = {label: ending.output.strip() for label, ending in endings.items() if ending.done}
    stale = [label for label, key in given.items() if key != (folder / "key").read_text()]
    return f"{stale[0]} was given a key ({given[stale[0]]}) that is not the folder's" if stale else None
