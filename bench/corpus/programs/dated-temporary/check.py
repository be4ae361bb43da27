"""Who says that he has copied has."""


def check(folder, endings):
    if endings["copy"].done and (folder / "copy").read_text() != "text":
        return "the copy is not what was copied"
    return None
