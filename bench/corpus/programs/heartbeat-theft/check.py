"""The two are never inside at once."""


def check(folder, endings):
    log = folder / "log"
    text = log.read_text() if log.exists() else ""
    both = text.replace("()", "").replace("[]", "")
    return f"both were inside at once: {text}" if {*both} & {*"(["} and {*both} & {*")]"} else None
