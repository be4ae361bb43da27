"""Who waits has been woken, once the waker is through."""


def check(folder, endings):
    if not endings["wake"].done:
        return None
    asleep = [name for name, e in endings.items() if e.output == "waits\n" and not (folder / "woken" / name).exists()]
    return f"{', '.join(asleep)} waits, and nobody will ever wake it" if asleep else None
