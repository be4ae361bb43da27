"""What was read is a pair that stood there at some time."""


def check(folder, endings):
    pair = endings["read"].output.strip()
    return f"{pair!r} was read, a pair that never was" if pair not in ("", "aa", "bb") else None
