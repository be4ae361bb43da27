"""A reader that sleeps although its letter is there says so itself."""


def check(folder, endings):
    return None
