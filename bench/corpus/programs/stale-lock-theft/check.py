"""The ledger holds the sum of what was booked; a killed booking may be in it or not."""


def check(folder, endings):
    text = (folder / "ledger").read_text()
    amounts = {"a": 1, "b": 10}
    least = sum(amounts[label] for label, ending in endings.items() if ending.done)
    most = sum(amounts[label] for label, ending in endings.items() if ending.maybe)
    fits = text.isdecimal() and least <= int(text) <= most
    return None if fits else f"the ledger says {text!r}, and {least} was acknowledged"
