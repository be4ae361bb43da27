"""Every line is a whole record, and every acknowledged record is there."""


def check(folder, endings):
    lines = (folder / "log").read_text().splitlines()
    whole = {f"{label}=value-of-{label}" for label in endings}
    torn = [line for line in lines if line not in whole]
    if torn:
        return f"the log holds {torn[0]!r}, which nobody wrote"
    lost = [label for label, ending in endings.items() if ending.done and f"{label}=value-of-{label}" not in lines]
    return f"the record of {', '.join(lost)} is lost" if lost else None
