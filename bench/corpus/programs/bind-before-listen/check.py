"""A server whose socket is taken says so itself."""


def check(folder, endings):
    return None
