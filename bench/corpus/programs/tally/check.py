"""Every acknowledged event is counted."""


def check(folder, endings):
    counted = (folder / "tally").read_text().split()
    lost = [label for label, ending in endings.items() if ending.done and label not in counted]
    return f"{', '.join(lost)} was counted, and is not in the tally {counted}" if lost else None
