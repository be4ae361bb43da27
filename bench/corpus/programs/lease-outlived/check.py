"""Whoever has booked is in the total."""


def check(folder, endings):
    total = int((folder / "total").read_text())
    amounts = {"a": 1, "b": 10}
    lost = [label for label, ending in endings.items() if ending.done and not total // amounts[label] % 10]
    return f"{' and '.join(lost)} had booked, and the total is {total}" if lost else None
