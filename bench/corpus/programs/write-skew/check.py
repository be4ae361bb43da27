"""Both together stay within the limit."""


def check(folder, endings):
    used = {label: int((folder / label).read_text()) for label in endings}
    return f"{sum(used.values())} of 100 are used: {used}" if sum(used.values()) > 100 else None
