"""One of them takes the task."""


def check(folder, endings):
    took = [label for label in sorted(endings) if (folder / label).exists()]
    return f"{' and '.join(took)} both took the task" if len(took) > 1 else None
