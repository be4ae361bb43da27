"""No block is taken by two."""


def check(folder, endings):
    taken = {label: ending.output.strip() for label, ending in endings.items() if ending.done and ending.output}
    if len(set(taken.values())) < len(taken):
        return f"block {taken['c']} belongs to two at once: {taken}"
    head = (folder / "head").read_text().split()
    if not head:  # whoever swapped had read a block that was just being given back, and so was empty
        return "the head names no block: all that was free is lost"
    free = head[0]
    return f"block {free} is taken, and yet free" if free in taken.values() else None
