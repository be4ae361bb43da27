"""Nobody goes in while another is inside."""


def check(folder, endings):
    log = folder / "log"
    lines = log.read_text().split() if log.exists() else []
    inside = ""
    for line in lines:
        if line[0] == "+" and inside:
            return f"{line[1:]} went in while {inside} was inside"
        inside = line[1:] if line[0] == "+" else ""
    return None
