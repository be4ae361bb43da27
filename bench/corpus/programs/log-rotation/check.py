"""The latest four lines and every acknowledged one are in the two files: only one rotation was due."""


def check(folder, endings):
    kept = "".join((folder / name).read_text() for name in ("log", "log.1") if (folder / name).exists()).split()
    wanted = ["old1", "old2", "old3", "old4", *(label for label, ending in endings.items() if ending.done)]
    lost = [line for line in wanted if line not in kept]
    return f"the lines {', '.join(lost)} are lost" if lost else None
