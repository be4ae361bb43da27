"""An acknowledged payment is in the journal, behind the older ones."""


def check(folder, endings):
    text = (folder / "journal").read_text()
    legal = ("paid 1\npaid 5\n",) if endings["a"].done else ("paid 1\n", "paid 1\npaid 5\n")
    return None if text in legal else f"the journal holds {text!r}"
