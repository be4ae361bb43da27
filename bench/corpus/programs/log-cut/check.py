"""A log holds lines."""


def check(folder, endings):
    log = (folder / "log").read_bytes()
    return f"the log holds {log!r}" if b"\0" in log else None
