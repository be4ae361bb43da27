"""Every delivered message is in the mailbox."""


def check(folder, endings):
    messages = [path.read_text().strip() for path in (folder / "mail").iterdir()]
    lost = [label for label, ending in endings.items() if ending.done and label not in messages]
    return f"the message of {', '.join(lost)} was delivered, and is not there" if lost else None
