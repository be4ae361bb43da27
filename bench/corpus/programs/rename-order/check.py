"""The index names a page that is there, also when the publisher died half-way."""


def check(folder, endings):
    name = (folder / "index").read_text()
    return None if (folder / name).exists() else f"the index names {name}, which does not exist"
