"""An acknowledged key is there, and no key is ever half there."""


def check(folder, endings):
    path = folder / "key"
    if not path.exists():
        return "a key was made, and is gone" if endings["a"].done else None
    return None if path.read_text() == "secret\n" else f"the key holds {path.read_text()!r}"
