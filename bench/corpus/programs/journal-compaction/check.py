"""Every acknowledged entry is in the journal."""


def check(folder, endings):
    journal = (folder / "journal").read_text().split()
    wanted = ["old=3", *(f"{label}=1" for label, e in endings.items() if e.done and label != "compact")]
    lost = [entry for entry in wanted if entry not in journal]
    return f"{', '.join(lost)} was appended, and is not in the journal {journal}" if lost else None
